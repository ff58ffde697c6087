# Two stages: the first has pip, the build backend and the sources; the second has what runs.
# `make image` fills in the arguments.

# The base is pinned once more by the digest that your registry has for it:
# --build-arg BASE_DIGEST=@sha256:…
ARG BASE_DIGEST=""

FROM python:3.13.15-slim-trixie${BASE_DIGEST} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
COPY requirements/build.lock requirements/image.lock requirements/
# --no-deps: the lock has every package that runs, and leaves out what only a terminal needs.
RUN python -m pip install --require-hashes --requirement requirements/build.lock \
    && python -m venv --without-pip /opt/peftsize \
    && python -m pip --python /opt/peftsize install --no-deps --require-hashes --requirement requirements/image.lock
COPY pyproject.toml hatch_build.py README.md LICENSE manifest.yml ./
COPY sizing sizing
COPY bot bot
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /src/wheel . \
    && python -m pip --python /opt/peftsize install --no-deps --no-index /src/wheel/*.whl

FROM python:3.13.15-slim-trixie${BASE_DIGEST}

ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="peftsize" \
      org.opencontainers.image.description="Size, approve and create watsonx.ai hardware specifications for LoRA and QLoRA adapters, from Slack." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="python:3.13.15-slim-trixie"

# The base's pip goes, and the copy of it that ensurepip would install.
# /data is for any user id: OpenShift gives a random one, always with group 0.
RUN python -m pip uninstall --yes pip \
    && rm -r /usr/local/lib/python3.13/ensurepip \
    && mkdir --mode=2770 /data && chgrp 0 /data && chmod g+s /data
COPY --from=build /opt/peftsize /opt/peftsize

# HOME: slack_sdk asks for it when it is imported, and a random user id has none.
ENV HOME=/data \
    PATH=/opt/peftsize/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001:0
VOLUME /data
# Where the default database, sqlite:///peftsize.db, comes to lie.
WORKDIR /data
EXPOSE 3000

# Without a proxy from the environment: this stays on the machine.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:3000/livez', timeout=4).read()"]

STOPSIGNAL SIGTERM
ENTRYPOINT ["peftsize"]
CMD ["serve"]
