# One image for every role: `docker run fifteen gateway`, `… worker`, `… db upgrade`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock requirements-image.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/fifteen && python -m venv /opt/build \
 && /opt/fifteen/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements-image.lock \
 && /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.lock
COPY adapters adapters
COPY gateway gateway
COPY iso20022 iso20022
COPY simulators simulators
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/fifteen/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home fifteen
COPY --from=build /opt/fifteen /opt/fifteen
USER 10001
ENV PATH=/opt/fifteen/bin:$PATH FIFTEEN_HTTP_HOST=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 8015 8016
ENTRYPOINT ["fifteen"]
CMD ["--help"]
