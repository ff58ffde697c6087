"""What is shipped to run the bot: files that parse, say what was promised, and name only what exists."""

from __future__ import annotations

import configparser
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from bot.approvals import policy_file
from bot.audit import signing_key
from bot.cli.commands import app
from bot.runtime import settings as configuration
from bot.runtime.settings import SECRETS, Need, Settings, check_settings

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
    assert "deploy" not in services["peftsize"], "one process a SQLite file"
    assert services["replica"]["deploy"]["replicas"] == 2
    assert "ports" not in services["replica"], "two replicas cannot have one port of the host"
    assert services["replica"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_compose_locks_the_containers_down() -> None:
    """Read-only root, no capabilities, no new privileges, time to stop; secrets are files that exist by name."""
    whole = compose()
    for name in ("peftsize", "replica"):
        service = whole["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["stop_grace_period"].rstrip("s")) > 10
        files = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    used = {secret for service in whole["services"].values() for secret in service["secrets"]}
    assert used == set(whole["secrets"])


# --- Kubernetes


def test_kubernetes_runs_two_replicas_without_a_gap() -> None:
    """Two replicas, replaced one by one, one always there; every selector finds them."""
    found = kubernetes()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", CLAIM}
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
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "runAsUser" not in pod["securityContext"], "OpenShift chooses the user id"
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_kubernetes_probes_ask_what_the_bot_answers() -> None:
    """Alive and ready are asked on the bot's port; stopping has more time than the bot needs."""
    probes = {
        name: container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}
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


def test_kubernetes_has_the_version_of_the_package() -> None:
    """The image's tag is the version that is released."""
    version = re.search(r'^version = "([^"]+)"', text("pyproject.toml"), re.MULTILINE)
    assert version is not None
    assert kustomization()["images"] == [{"name": "peftsize", "newTag": version[1]}]


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
    credentials = {value.partition(":")[0] for value in told["LoadCredential"]}
    files = {value.partition("=")[2] for value in told["Environment"] if "_FILE=" in value}
    assert files == {f"%d/{name}" for name in credentials}


# --- all of them


def environments() -> dict[str, set[str]]:
    services = compose()["services"]
    return {
        "compose peftsize": set(services["peftsize"]["environment"]),
        "compose replica": set(services["replica"]["environment"]),
        "kubernetes": {env["name"] for env in container()["env"]} | set(settings_env()),
        "systemd": {value.partition("=")[0] for value in unit()["Environment"]},
    }


@pytest.mark.parametrize("name", sorted(environments()))
def test_every_environment_name_is_a_setting(name: str) -> None:
    """No file sets what the program does not read."""
    assert environments()[name] <= KNOWN


@pytest.mark.parametrize("name", sorted(environments()))
def test_every_way_to_run_it_has_what_serve_needs(name: str, tmp_path: Path) -> None:
    """With values filled in, each file's settings are complete for Socket Mode: nothing is missing."""
    names = environments()[name]
    if name == "systemd":  # the rest is in the file that the unit reads
        names |= {"WATSONX_URL", "WATSONX_SPACE_ID", "WATSONX_USERNAME", "PEFTSIZE_APPROVERS"}
    values = {
        "WATSONX_URL": "https://cpd.example.com",
        "PEFTSIZE_APPROVERS": "S0GPU",
        "PEFTSIZE_ADMINS": "U0ADMIN",
        "PEFTSIZE_DATABASE_URL": "sqlite:////var/lib/peftsize/peftsize.db",
        "PEFTSIZE_LOG_FORMAT": "json",
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
