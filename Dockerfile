# One image for service, servers, workers and runs: they differ by their command. Everything is locked by hash.
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /app
COPY requirements-setup.lock requirements-image.lock ./
RUN python -m venv /opt/evergreen \
    && /opt/evergreen/bin/pip install --require-hashes -r requirements-setup.lock \
    && VIRTUAL_ENV=/opt/evergreen /opt/evergreen/bin/uv pip install --no-cache --require-hashes -r requirements-image.lock
COPY . .
RUN VIRTUAL_ENV=/opt/evergreen /opt/evergreen/bin/uv pip install --no-cache --no-deps --editable .

FROM python:3.12-slim-bookworm
# git: pull steps and the commit in a model's documents; libgomp1: LightGBM; postgresql-client: backups.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgomp1 postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home evergreen \
    && install -d -o evergreen -g evergreen /var/lib/evergreen
COPY --from=build /opt/evergreen /opt/evergreen
COPY --from=build --chown=evergreen:evergreen /app /app
ENV PATH=/opt/evergreen/bin:$PATH VIRTUAL_ENV=/opt/evergreen EVERGREEN_HOME=/var/lib/evergreen \
    PREFECT_SERVER_ANALYTICS_ENABLED=false MLFLOW_DISABLE_TELEMETRY=true PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001
EXPOSE 8780
VOLUME /var/lib/evergreen
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8780/healthz', timeout=4)"]
CMD ["evergreen", "serve"]
