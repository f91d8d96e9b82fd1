# JupyterLab with the workbench, for docker-compose.yml. No Docker socket, no root, no credentials.
FROM python:3.11.13-slim-bookworm

RUN useradd --create-home --uid 1000 lab && chmod 1777 /home/lab
ENV HOME=/home/lab USER=lab PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

WORKDIR /workbench
COPY pyproject.toml constraints.txt README.md CHANGELOG.md LICENSE ./
COPY workbench workbench
RUN pip install -c constraints.txt -e ".[local,lab,demo]" \
 && jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements"
COPY --chown=lab notebooks notebooks
# A volume that is mounted here begins with these files, and whoever Lab runs as may change them.
RUN mkdir -p notebooks/workshop/results && chown lab notebooks notebooks/workshop/results && chmod -R a+rwX notebooks

USER lab
EXPOSE 8888
# Ready means that Lab answers, and DynamoDB Local too: to an unsigned GET with an error, once it is up.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 CMD ["python", "-c", "import os\n\
import urllib.error, urllib.request as web\n\
web.urlopen('http://127.0.0.1:8888/api')\n\
try: web.urlopen(os.environ['AWS_ENDPOINT_URL_DYNAMODB'])\nexcept urllib.error.HTTPError: pass"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", \
     "--ServerApp.root_dir=/workbench/notebooks", "--LabApp.default_url=/lab/tree/01_quickstart.ipynb"]
