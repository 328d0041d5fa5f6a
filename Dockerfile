# One image for every role: `docker run fifteen gateway`, `… worker`, `… db upgrade`. Built by `make image`.
#
# The base is Debian's own, by digest: whoever builds names it (BASE_DIGEST, no default), since a tag can be moved; from a
# mirror with BASE_REPOSITORY. What is installed on it is proved in a clean Debian: `python -m tests.proofs.container`.
ARG BASE_REPOSITORY=debian:bookworm-slim
ARG BASE_DIGEST
FROM ${BASE_REPOSITORY}@${BASE_DIGEST} AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements-image.lock requirements-gates.lock pyproject.toml README.md LICENSE ./
# The program's environment has no pip: the one that builds installs into it.
RUN python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/fifteen \
 && /opt/build/bin/python -m pip --python /opt/fifteen/bin/python install --no-cache-dir --no-compile --no-deps --require-hashes --only-binary :all: -r requirements-image.lock \
 && /opt/build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements-gates.lock
COPY adapters adapters
COPY gateway gateway
COPY iso20022 iso20022
COPY simulators simulators
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/python -m pip --python /opt/fifteen/bin/python install --no-cache-dir --no-compile --no-deps /wheels/*.whl \
 && /opt/build/bin/cyclonedx-py environment --spec-version 1.6 --output-reproducible --output-file /opt/fifteen/sbom.cdx.json /opt/fifteen/bin/python \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/fifteen/lib

FROM ${BASE_REPOSITORY}@${BASE_DIGEST}
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fifteen \
 && install --directory --owner 10001 --group 10001 --mode 0700 /run/fifteen
COPY --from=build /opt/fifteen /opt/fifteen
# The authorities that a managed database's certificate is checked against (its README.md): none by default.
COPY terraform/delivery/certificates /etc/ssl/rds
ARG RELEASE=""
ENV PATH=/opt/fifteen/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FIFTEEN_HTTP_HOST=0.0.0.0 \
    FIFTEEN_RELEASE=$RELEASE
LABEL org.opencontainers.image.title="Fifteen" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$RELEASE
# Nothing is written to the image's file system: it may be mounted read-only. What a task shares between its containers
# is mounted in these two places, and belongs to whom they belong to here (as Fargate has it).
VOLUME ["/tmp", "/run/fifteen"]
USER 10001:10001
WORKDIR /
EXPOSE 8015 8016
# Each role is asked at its own port; a command that serves nothing is healthy while it runs.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-m", "gateway.health"]
ENTRYPOINT ["fifteen"]
CMD ["--help"]
