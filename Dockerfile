# JupyterLab with the workbench, for docker-compose.yml. No Docker socket, no root, no credentials.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 lab && chmod 1777 /home/lab
ENV HOME=/home/lab USER=lab PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

WORKDIR /workbench
COPY pyproject.toml constraints.txt README.md CHANGELOG.md LICENSE ./
COPY workbench workbench
RUN pip install -c constraints.txt -e ".[local,lab,demo]" \
 && jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements"
COPY --chown=lab notebooks notebooks

USER lab
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", \
     "--ServerApp.root_dir=/workbench/notebooks", "--LabApp.default_url=/lab/tree/01_quickstart.ipynb"]
