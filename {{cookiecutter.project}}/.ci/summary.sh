# Print what changed since a commit, in Markdown; write dvc_plots/index.html{% if cookiecutter.toolbox %} and report.html{% endif %}: sh .ci/summary.sh COMMIT
set -eu
for kind in metrics params; do
    printf '## Changes of %s\n\n' "$kind"
    dvc "$kind" diff --md "$1"
done

reason=$(python .ci/unreachable.py)
if [ -n "$reason" ]; then
    echo "$reason"
    exit 0
fi
dvc plots diff "$1" >&2
{%- if cookiecutter.toolbox %}
python -m {{cookiecutter.__package}} report >&2
{%- endif %}
echo "The pages with plots are among the artifacts of this job."
