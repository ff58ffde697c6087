"""What is shipped to run the bot: files that parse, say what was promised, and name only what exists."""

from __future__ import annotations

import configparser
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from bot.approvals import policy_file
from bot.audit import signing_key
from bot.cli.commands import app
from bot.runtime import settings as configuration
from bot.runtime.settings import SECRETS, Need, Settings, check_settings
from scripts import version
from tests.support.published_schema import problems

ROOT = Path(__file__).parents[1]
KNOWN = {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in SECRETS}
COMMANDS = set(get_command(app).commands)  # type: ignore[attr-defined] # a group has commands


CLAIM = "PersistentVolumeClaim"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def kubernetes() -> dict[str, Any]:
    """Return the manifests by kind."""
    files = [ROOT / "deploy/kubernetes" / name for name in kustomization()["resources"]]
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    return {one["kind"]: one for one in found}


def kustomization() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("deploy/kubernetes/kustomization.yaml"))
    return loaded


def settings_env() -> dict[str, str]:
    lines = [
        line for line in text("deploy/kubernetes/settings.env").splitlines() if "=" in line and line[0] != "#"
    ]
    return dict(line.split("=", 1) for line in lines)


def container() -> dict[str, Any]:
    (only,) = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("compose.yaml"))
    return loaded


def unit() -> dict[str, list[str]]:
    """Return the service section of the systemd unit; a key may stand there several times."""
    found: dict[str, list[str]] = {}
    section = text("deploy/peftsize.service").partition("[Service]")[2].partition("\n[")[0]
    for line in section.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


# --- compose


def test_compose_has_one_node_or_two_replicas() -> None:
    """SQLite: one process with its volume. PostgreSQL: two replicas and a database, started when it is well."""
    services = compose()["services"]
    assert {name for name, one in services.items() if one["profiles"] == ["sqlite"]} == {"peftsize"}
    assert {name for name, one in services.items() if one["profiles"] == ["postgres"]} == {
        "replica",
        "database",
    }
    assert services["peftsize"]["volumes"] == ["data:/data"]
    assert "replicas" not in services["peftsize"]["deploy"], "one process a SQLite file"
    assert services["replica"]["deploy"]["replicas"] == 2
    assert "ports" not in services["replica"], "two replicas cannot have one port of the host"
    assert services["replica"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_compose_locks_the_containers_down() -> None:
    """Exact images, no root, read-only, no capability, limits on memory, processes and logs, time to stop."""
    for name, service in compose()["services"].items():
        assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", service["image"]), name
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["user"].partition(":")[0]) > 0
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}
        assert int(service["stop_grace_period"].rstrip("s")) > 10


def test_compose_hands_over_secrets_as_files() -> None:
    """Each service gets the files that its settings name; the folder is readable by the container's user alone."""
    whole = compose()
    for service in whole["services"].values():
        files = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    used = {secret for service in whole["services"].values() for secret in service["secrets"]}
    assert used == set(whole["secrets"])
    page = text("docs/install.md")
    assert "chmod 0400 secrets/*" in page
    for service, file in (("peftsize", "secrets/*"), ("database", "secrets/database_password")):
        user = whole["services"][service]["user"].partition(":")[0]
        assert f"chown {user} {file}" in page


def test_compose_keeps_its_database_to_itself() -> None:
    """Only the replicas reach PostgreSQL, over a network that leads nowhere else; passwords are SCRAM."""
    whole = compose()
    assert whole["networks"]["database"] == {"internal": True}
    on_it = {name for name, service in whole["services"].items() if "database" in service.get("networks", ())}
    assert on_it == {"replica", "database"}
    database = whole["services"]["database"]
    assert database["networks"] == ["database"]
    assert "ports" not in database
    assert "--auth=scram-sha-256" in database["environment"]["POSTGRES_INITDB_ARGS"]


def test_compose_follows_the_specification() -> None:
    """The file is valid by the Compose specification's own schema."""
    assert problems("compose-spec", "compose.yaml") == ""


# --- Kubernetes


def test_kubernetes_runs_two_replicas_without_a_gap() -> None:
    """Two replicas, replaced one by one, one always there; every selector finds them."""
    found = kubernetes()
    assert set(found) == {
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        CLAIM,
        "ServiceAccount",
    }
    spec = found["Deployment"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert found["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    labels = spec["template"]["metadata"]["labels"]
    assert labels == spec["selector"]["matchLabels"] == found["Service"]["spec"]["selector"]
    assert labels == found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    assert labels == found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["name"]


def test_kubernetes_locks_the_pods_down() -> None:
    """No root, no capability, a read-only root file system, no token of the cluster."""
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    account = kubernetes()["ServiceAccount"]
    assert pod["serviceAccountName"] == account["metadata"]["name"] != "default"
    assert pod["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "runAsUser" not in pod["securityContext"], "OpenShift chooses the user id"
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_kubernetes_probes_ask_what_the_bot_answers() -> None:
    """Alive and ready are asked where the setting says; stopping has more time than the bot needs."""
    probes = {
        name: container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {probe["port"] for probe in probes.values()} == {"probes"}
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert settings_env()["PEFTSIZE_PROBE_ADDRESS"] == f":{ports['probes']}"
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/livez"
    assert probes["readinessProbe"]["path"] == "/readyz"
    assert kubernetes()["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 15


def test_kubernetes_mounts_what_it_names() -> None:
    """Secrets are files in a mounted folder; the policy lies where the setting says, and can be read."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert set(mounts) == {
        v["name"] for v in kubernetes()["Deployment"]["spec"]["template"]["spec"]["volumes"]
    }
    files = [env["value"] for env in container()["env"]]
    assert all(file.startswith(mounts["secrets"] + "/") for file in files)
    assert settings_env()["PEFTSIZE_POLICY_FILE"] == f"{mounts['policy']}/policy.toml"
    assert policy_file.load(text("deploy/kubernetes/policy.toml")).defaults.approvers
    generated = {one["name"]: one for one in kustomization()["configMapGenerator"]}
    assert generated["peftsize-policy"]["files"] == ["policy.toml"]
    assert container()["envFrom"] == [{"configMapRef": {"name": "peftsize-settings"}}]


def test_every_replica_has_a_lasting_place_for_its_anchor() -> None:
    """The working folder, where PostgreSQL's anchors lie, is a volume that outlives the replica."""
    volumes = {v["name"]: v for v in kubernetes()["Deployment"]["spec"]["template"]["spec"]["volumes"]}
    (mounted,) = [mount["name"] for mount in container()["volumeMounts"] if mount["mountPath"] == "/data"]
    assert volumes[mounted]["persistentVolumeClaim"]["claimName"] == kubernetes()[CLAIM]["metadata"]["name"]
    assert kubernetes()[CLAIM]["spec"]["accessModes"] == ["ReadWriteMany"], "replicas are on several nodes"
    assert compose()["services"]["replica"]["volumes"] == ["anchors:/data"]
    assert "WORKDIR /data" in text("Dockerfile")


def test_kubernetes_limits_what_a_pod_takes() -> None:
    """Memory and disk have a request and a limit; the limit of memory has room for what was measured and /tmp."""
    resources = container()["resources"]
    assert set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    assert resources["limits"].keys() == {"memory", "ephemeral-storage"}, (
        "CPU is not cut: a click has 3 seconds"
    )
    mebibytes = {name: int(resources["limits"][name].removesuffix("Mi")) for name in resources["limits"]}
    assert mebibytes["memory"] >= 2 * 91 + 16
    assert mebibytes["ephemeral-storage"] > 50, "the kubelet keeps 50 MB of logs"


def test_metrics_are_apart_from_what_slack_calls() -> None:
    """The ingress controller reaches Slack's port alone, Prometheus the other; the service has Slack's only."""
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    reaches = {
        source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]: [
            one["port"] for one in way["ports"]
        ]
        for way in kubernetes()["NetworkPolicy"]["spec"]["ingress"]
        for source in way["from"]
    }
    assert reaches == {"ingress-nginx": [ports["http"]], "monitoring": [ports["probes"]]}
    assert [port["targetPort"] for port in kubernetes()["Service"]["spec"]["ports"]] == ["http"]
    (published,) = compose()["services"]["peftsize"]["ports"]
    assert published == "127.0.0.1:9464:9464"
    assert compose()["services"]["peftsize"]["environment"]["PEFTSIZE_PROBE_ADDRESS"] == ":9464"
    assert "PEFTSIZE_PROBE_ADDRESS=127.0.0.1:9464" in unit()["Environment"]


def test_the_network_policy_names_both_ends() -> None:
    """Every way in has a from, every way out a to, with ports; what is to be filled in reaches nobody before."""
    spec = kubernetes()["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert all(way["from"] and way["ports"] for way in spec["ingress"])
    assert all(way["to"] and way["ports"] for way in spec["egress"])
    assert all("namespaceSelector" in one for way in spec["ingress"] for one in way["from"])
    out = {
        (one["ipBlock"]["cidr"], port["port"])
        for way in spec["egress"]
        for one in way["to"]
        if "ipBlock" in one
        for port in way["ports"]
    }
    assert out == {("0.0.0.0/0", 443), ("192.0.2.10/32", 443), ("192.0.2.20/32", 5432)}
    assert text("deploy/kubernetes/network.yaml").count("# fill in") == 5


def test_the_image_is_a_value_to_fill_in() -> None:
    """Registry and tag stand in the kustomization, the tag being the version; a digest may take its place."""
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    (image,) = kustomization()["images"]
    assert image == {"name": "peftsize", "newName": "registry.example.com/peftsize", "newTag": version}
    assert container()["image"] == image["name"]
    assert "digest: sha256:…" in text("deploy/kubernetes/kustomization.yaml")


@pytest.mark.parametrize("release", ["1.25", "1.29", "1.33", "1.37"])
def test_the_manifests_are_valid(release: str) -> None:
    """Every manifest is strictly valid by the schemas of old and new releases of Kubernetes."""
    for manifest in kubernetes().values():
        kubernetes_validate.validate(manifest, release, strict=True)


# --- the version


@pytest.mark.parametrize("place", sorted(version.PLACES))
def test_the_version_stands_everywhere(place: str) -> None:
    """Files that cannot read the version of the package have it."""
    assert text(place) == version.written(place), "run: .venv/bin/python scripts/version.py --write"


# --- systemd


def test_the_unit_is_hardened() -> None:
    """A user of its own for the time it runs, nothing writable but its state, secrets handed over as files."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text("deploy/peftsize.service"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    told = unit()
    for key in (
        "DynamicUser",
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectHome",
        "RestrictSUIDSGID",
    ):
        assert told[key] == ["yes"], key
    assert told["ProtectSystem"] == ["strict"]
    assert told["CapabilityBoundingSet"] == [""]
    assert told["RestartPreventExitStatus"] == ["2"]
    assert int(told["TimeoutStopSec"][0]) > 10
    assert told["LoadCredential"] == ["secret:/etc/peftsize/secrets"]


@pytest.mark.parametrize("mode", ["slack_app_token", "slack_signing_secret"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_unit_serves_either_way_without_an_override(mode: str, database: str, tmp_path: Path) -> None:
    """What lies in the folder of secrets decides between the modes and the databases: the unit stays as it is."""
    handed = {"slack_bot_token": "xoxb-made-up", "watsonx_apikey": "made-up", mode: "made-up"}
    if database == "postgresql":
        handed["database_url"] = "postgresql://u:p@h/d"
        signing_key.create(tmp_path / "secret_signing_key")
    for name, value in handed.items():
        (tmp_path / f"secret_{name}").write_text(value, encoding="utf-8")
    environment = dict(value.split("=", 1) for value in unit()["Environment"])
    environment |= {
        "WATSONX_URL": "https://cpd.example.com",
        "WATSONX_SPACE_ID": "s",
        "WATSONX_USERNAME": "u",
    }
    environment |= {"PEFTSIZE_APPROVERS": "S0GPU", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings = configuration.load(environment, env_file=str(tmp_path / "none"))
    assert settings.socket_mode == (mode == "slack_app_token")
    assert settings.database_url.startswith(database)
    need = Need(
        slack=True, http=not settings.socket_mode, socket=settings.socket_mode, watsonx=True, approvers=True
    )
    check_settings(settings, need)


# --- all of them


def environments() -> dict[str, set[str]]:
    services = compose()["services"]
    return {
        "compose peftsize": set(services["peftsize"]["environment"]),
        "compose replica": set(services["replica"]["environment"]),
        "kubernetes": {env["name"] for env in container()["env"]} | set(settings_env()),
    }


@pytest.mark.parametrize("name", sorted(environments()))
def test_every_environment_name_is_a_setting(name: str) -> None:
    """No file sets what the program does not read."""
    assert environments()[name] <= KNOWN


@pytest.mark.parametrize("name", sorted(environments()))
def test_every_way_to_run_it_has_what_serve_needs(name: str, tmp_path: Path) -> None:
    """With values filled in, each file's settings are complete for Socket Mode: nothing is missing."""
    names = environments()[name]
    values = {
        "WATSONX_URL": "https://cpd.example.com",
        "PEFTSIZE_APPROVERS": "S0GPU",
        "PEFTSIZE_ADMINS": "U0ADMIN",
        "PEFTSIZE_LOG_FORMAT": "json",
        "PEFTSIZE_PROBE_ADDRESS": ":9464",
        "PEFTSIZE_POLICY_FILE": str(ROOT / "deploy/kubernetes/policy.toml"),
    }
    environment = {}
    for setting in names:
        environment[setting] = values.get(setting, "made-up")
        if setting == "PEFTSIZE_SIGNING_KEY_FILE":
            signing_key.create(tmp_path / "key")
            environment[setting] = str(tmp_path / "key")
        elif setting.endswith("_FILE") and setting not in values:
            secret = tmp_path / setting
            secret.write_text(
                "postgresql://u:p@h/d" if "DATABASE" in setting else "made-up", encoding="utf-8"
            )
            environment[setting] = str(secret)
    settings = configuration.load(environment, env_file=str(tmp_path / "none"))
    check_settings(settings, Need(slack=True, socket=True, watsonx=True, approvers=True))


def test_every_command_in_use_exists() -> None:
    """The files start commands that the program has."""
    started = {
        yaml.safe_load(re.findall(r"^CMD (.+)$", text("Dockerfile"), re.MULTILINE)[-1])[0],
        container()["args"][0],
        unit()["ExecStart"][0].split()[1],
    }
    assert started == {"serve"}
    assert started <= COMMANDS


def test_scripts_can_be_run() -> None:
    """What the Makefile starts as a program is one."""
    named = set(re.findall(r"(?<![\w./-])(scripts/[a-z-]+)(?![\w.])", text("Makefile")))
    assert len(named) > 4
    assert [name for name in sorted(named) if not (ROOT / name).stat().st_mode & stat.S_IXUSR] == []
