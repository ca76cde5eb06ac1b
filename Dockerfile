# aether-auditor as it runs in a cluster: one command, no shell needed, no compiler and no pip in the last stage.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update --quiet --quiet \
 && apt-get install --yes --quiet --quiet --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/auditor \
 && /opt/auditor/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes --requirement requirements/run.txt
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY speedups speedups
COPY docs docs
COPY auditor auditor
RUN AUDITOR_SPEEDUPS=require /opt/auditor/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --no-deps --no-build-isolation . \
 && /opt/auditor/bin/pip uninstall --yes --quiet setuptools pip \
 && /opt/auditor/bin/python -m compileall -q -j 0 /opt/auditor/lib

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="aether-auditor" \
      org.opencontainers.image.description="Audits the event streams of Aether's actors in NATS JetStream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/auditor /opt/auditor
ENV PATH=/opt/auditor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 9464
ENTRYPOINT ["auditor"]
CMD ["--help"]
