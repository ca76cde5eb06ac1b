# aether-auditor as it runs in a cluster: one command, no shell needed, no compiler and no pip in the last stage.
# The target `demo` also has a nats-server, for `auditor demo` and for `auditor selftest` without a configuration.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update --quiet --quiet \
 && apt-get install --yes --quiet --quiet --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/image.txt requirements/image.txt
RUN python -m venv /opt/auditor \
 && /opt/auditor/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes --requirement requirements/image.txt
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY speedups speedups
COPY docs docs
COPY auditor auditor
RUN AUDITOR_SPEEDUPS=require /opt/auditor/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --no-deps --no-build-isolation .

FROM build AS build-demo
COPY requirements/demo.txt requirements/demo.txt
RUN /opt/auditor/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes --requirement requirements/demo.txt \
 && /opt/auditor/bin/pip uninstall --yes --quiet setuptools pip \
 && /opt/auditor/bin/python -m compileall -q -j 0 /opt/auditor/lib

FROM build AS build-auditor
COPY requirements/sbom.txt requirements/sbom.txt
# The list of what is in the image, as CycloneDX. The program that writes it stays in this stage.
RUN /opt/auditor/bin/pip uninstall --yes --quiet setuptools pip \
 && python -m venv /opt/sbom \
 && /opt/sbom/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements/sbom.txt \
 && /opt/sbom/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
    --output-file /opt/auditor/sbom.cdx.json /opt/auditor/bin/python \
 && /opt/auditor/bin/python -m compileall -q -j 0 /opt/auditor/lib

FROM ${BASE} AS base
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="aether-auditor" \
      org.opencontainers.image.description="Audits the event streams of Aether's actors in NATS JetStream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/opt/auditor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 9464
ENTRYPOINT ["auditor"]
CMD ["--help"]

FROM base AS demo
COPY --from=build-demo /opt/auditor /opt/auditor

FROM base AS auditor
COPY --from=build-auditor /opt/auditor /opt/auditor
