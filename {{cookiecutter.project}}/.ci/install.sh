# Install the pinned packages{% if cookiecutter.__extra %}, and what the DVC remote needs{% endif %}.
python -m pip install -r requirements.txt{% if cookiecutter.__extra %} "dvc[{{ cookiecutter.__extra }}]"{% endif %}
