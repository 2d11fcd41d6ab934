# Install the pinned packages{% if cookiecutter.remote_url.split(":")[0] in ("s3", "gs", "azure", "ssh") %}, and what the DVC remote needs{% endif %}.
python -m pip install -r requirements.txt
{%- if cookiecutter.remote_url.split(":")[0] in ("s3", "gs", "azure", "ssh") %} -c requirements.txt "dvc[{{ cookiecutter.remote_url.split(":")[0] }}]"
{%- endif %}
