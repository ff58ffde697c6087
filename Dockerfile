# Two stages: the first has pip's tools and the sources, the second only what runs.
FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
RUN python -m venv /opt/peftsize
COPY requirements/postgres.lock requirements/
RUN /opt/peftsize/bin/pip install --require-hashes --requirement requirements/postgres.lock
COPY pyproject.toml README.md LICENSE manifest.yml ./
COPY sizing sizing
COPY bot bot
RUN /opt/peftsize/bin/pip install --no-deps --no-build-isolation .

FROM python:3.13-slim

# /data for any user id: OpenShift gives a random one, always with group 0.
RUN mkdir --mode=2770 /data && chgrp 0 /data && chmod g+s /data
COPY --from=build /opt/peftsize /opt/peftsize

ENV PATH=/opt/peftsize/bin:$PATH \
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
