"""The commands. The body of each is imported only when it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from bot.cli.ending import LARGEST_PORT, UsageProblem, no_option
from bot.cli.output import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAME = "peftsize"
_COMPLETION = "_PEFTSIZE_COMPLETE"
"""Set by a shell that asks for completions; Typer derives it from the name."""

app = typer.Typer(
    name=NAME,
    help="Size, approve and create watsonx.ai hardware specifications for LoRA and QLoRA adapters.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
requests_app = typer.Typer(help="Requests, under the same rules and audit as in Slack.", no_args_is_help=True)
specs_app = typer.Typer(help="Live hardware specifications in the space.", no_args_is_help=True)
policy_app = typer.Typer(help="Policy files, tested before you use them.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit trail.", no_args_is_help=True)
database_app = typer.Typer(help="The database schema.", no_args_is_help=True)
app.add_typer(requests_app, name="requests")
app.add_typer(specs_app, name="specs")
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")
app.add_typer(database_app, name="database")


def run_command(words: Sequence[str]) -> int:
    """Run a command, and return its exit code.

    Raises:
        UsageProblem: The arguments cannot be read.
    """
    if _COMPLETION in os.environ:
        app(words, prog_name=NAME)
    command = get_command(app)
    try:
        # not with `app()`, which exits with 1 if the reader, such as `head`, closes the pipe
        with command.make_context(NAME, list(words)) as begun:
            command.invoke(begun)
    except typer.Exit as ended:
        return ended.exit_code
    except TyperException as error:
        context: Any = getattr(error, "ctx", None)
        if context is not None and error.message == context.get_help():  # a group without a command
            complain(error.message)
            return error.exit_code
        raise UsageProblem(_problem(error), context.command_path if context else NAME) from None
    return 0


def _problem(error: TyperException) -> str:
    """Return a sentence for arguments that Typer could not read."""
    option = getattr(error, "option_name", None)
    if option is None:
        return error.format_message()
    return no_option(option, getattr(error, "possibilities", None) or ())


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"peftsize {version('peftsize')}")
        raise typer.Exit


def _port(value: int) -> int:
    if not 0 <= value <= LARGEST_PORT:
        raise typer.BadParameter(f"{value} is not a port, from 0 to {LARGEST_PORT}.")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsUser = Annotated[str, typer.Option("--as", help="Slack user id to act as; looked up as in Slack.")]
RequestId = Annotated[str, typer.Argument(help="Request id, such as R7K3M9QX.", metavar="ID")]


@app.callback()
def _peftsize(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Size, approve and create watsonx.ai hardware specifications for LoRA and QLoRA adapters."""


@app.command()
def size(
    text: Annotated[
        list[str],
        typer.Argument(help="The request, such as 10b 2x128MB qlora4, or - for stdin.", metavar="TEXT"),
    ],
    json: AsJson = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add the second opinion.")] = False,
    config: Annotated[
        str | None, typer.Option(help="Read the base model from this config.json.", metavar="FILE")
    ] = None,
    vllm: Annotated[
        str | None,
        typer.Option(help="vLLM release for the second opinion, such as 0.10.2.", metavar="RELEASE"),
    ] = None,
    gpu_gib: Annotated[
        float | None, typer.Option(help="Memory one GPU reports, in GiB.", min=1, max=10_000)
    ] = None,
    gpu_memory_utilization: Annotated[
        float | None, typer.Option(help="Share of GPU memory vLLM may use.", min=0.01, max=1)
    ] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option(help="Maximum sequences in one batch.", min=1, max=65_536)
    ] = None,
    max_model_len: Annotated[
        int | None, typer.Option(help="Maximum tokens in one sequence.", min=1, max=10_000_000)
    ] = None,
    kv_cache_dtype: Annotated[
        Literal["auto", "fp8"] | None, typer.Option(help="Type of the KV cache; auto is 16-bit.")
    ] = None,
    users: Annotated[
        str | None, typer.Option(help="Concurrent users x tokens each, such as 20x4096.", metavar="NxTOKENS")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(help="Draw a chart to this file: .png, .svg or .pdf.", metavar="FILE")
    ] = None,
) -> None:
    """Size a request.

    Examples: peftsize size 10b 2x128MB qlora4 · peftsize size --json 70b 10x500MB ·
    peftsize size --explain --users 20x4096 llama-3.1-8b 4xr16 · peftsize size --json - < requests.txt
    """
    from bot.cli.size import run

    options = {
        "vllm": vllm,
        "gpu_gib": gpu_gib,
        "gpu_memory_utilization": gpu_memory_utilization,
        "max_num_seqs": max_num_seqs,
        "max_model_len": max_model_len,
        "kv_cache_dtype": kv_cache_dtype,
        "users": users,
    }
    run(text, as_json=json, explain=explain, options=options, config=config, picture=plot)


@app.command()
def models(
    text: Annotated[list[str] | None, typer.Argument(help="A model's name, or part of one.")] = None,
    json: AsJson = False,
) -> None:
    """List the models that a request can name.

    Examples: peftsize models granite · peftsize models Qwen/Qwen2.5-7B-Instruct · peftsize models --json
    """
    from bot.cli.models import listing

    listing(text or [], as_json=json)


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def serve(options: Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS]")] = None) -> None:
    """Run the bot, in Socket Mode or HTTP mode."""
    from bot.cli.serve import run

    run(options or [])


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port to serve the page on, on loopback.", callback=_port)] = 8765,
    play: Annotated[bool, typer.Option("--play", help="Play the story, print it and exit.")] = False,
    policy: Annotated[str | None, typer.Option(help="Try out this policy file.")] = None,
    people: Annotated[str | None, typer.Option(help="Use these people and groups.")] = None,
    db: Annotated[str | None, typer.Option(help="Keep the database in this file.")] = None,
    record: Annotated[str | None, typer.Option(help="Write Slack's payloads to this folder.")] = None,
) -> None:
    """Open a local workspace that needs no Slack and no cluster."""
    from bot.sandbox.run import run

    raise typer.Exit(run(port=port, play=play, policy=policy, people=people, db=db, record=record))


@app.command()
def manifest(
    url: Annotated[str | None, typer.Option(help="Public https address of the bot, for HTTP mode.")] = None,
) -> None:
    """Print the Slack app manifest, for Socket Mode or for HTTP mode."""
    from bot.cli.setup import print_manifest

    print_manifest(url)


@app.command()
def doctor(json: AsJson = False) -> None:
    """Check settings, database, Slack and watsonx.ai; each failure comes with a fix."""
    from bot.cli.setup import run_doctor

    raise typer.Exit(run_doctor(as_json=json))


@requests_app.command("list")
def requests_list(
    json: AsJson = False,
    state: Annotated[str | None, typer.Option(help="Show only this state.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show at most this many.")] = None,
) -> None:
    """List requests, newest first."""
    from bot.cli.requests import listing

    listing(as_json=json, state=state, limit=limit)


@requests_app.command("show")
def requests_show(request_id: RequestId, json: AsJson = False) -> None:
    """Show one request and its history."""
    from bot.cli.requests import show

    show(request_id, as_json=json)


@requests_app.command("deploy-body")
def requests_deploy_body(
    request_id: RequestId,
    adapter: Annotated[str | None, typer.Option(help="Asset id of the adapter.", metavar="ASSET_ID")] = None,
    json: AsJson = False,
) -> None:
    """Print the requests that deploy a created specification."""
    from bot.cli.requests import deploy_body

    deploy_body(request_id, adapter, as_json=json)


def _decision(action: str) -> Callable[[str, str], None]:
    """Return the command for a decision that takes no reason."""

    def decide(request_id: RequestId, as_user: AsUser) -> None:
        from bot.cli.requests import act

        act(action, request_id, as_user, None)

    return decide


for _name, _action, _help in (
    ("approve", "approve", "Approve a request."),
    ("withdraw", "withdraw", "Withdraw an approval, before the quorum is reached."),
    ("cancel", "cancel", "Cancel a request, as its requester or an admin."),
    ("retry", "retry", "Retry a create that failed or needs attention."),
    ("give-up", "give_up", "Give up on a create and free its name."),
):
    requests_app.command(_name, help=_help)(_decision(_action))


@requests_app.command("reject")
def requests_reject(
    request_id: RequestId, as_user: AsUser, reason: Annotated[str, typer.Option(help="Why, in one sentence.")]
) -> None:
    """Reject a request."""
    from bot.cli.requests import act

    act("reject", request_id, as_user, reason)


@specs_app.command("list")
def specs_list(json: AsJson = False) -> None:
    """List the live specs in the space."""
    from bot.cli.specs import listing

    listing(as_json=json)


@specs_app.command("show")
def specs_show(spec_id: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Show one live spec."""
    from bot.cli.specs import show

    show(spec_id, as_json=json)


@specs_app.command("delete")
def specs_delete(spec_id: Annotated[str, typer.Argument(metavar="ID")], as_user: AsUser) -> None:
    """Request the deletion of a spec that the bot created; it needs approval like a create."""
    from bot.cli.specs import delete

    delete(spec_id, as_user)


@specs_app.command("drift")
def specs_drift(json: AsJson = False) -> None:
    """Compare the live specs with our records; exit 1 if they differ."""
    from bot.cli.specs import drift

    drift(as_json=json)


PolicyFile = Annotated[str, typer.Argument(help="A policy file.", metavar="FILE")]


@policy_app.command("check")
def policy_check(file: PolicyFile) -> None:
    """Check a policy file; exit 2 and list every mistake."""
    from bot.cli.policy import check

    check(file)


@policy_app.command("test")
def policy_test(
    file: PolicyFile,
    cases: Annotated[
        list[str] | None, typer.Argument(help="Files of further cases.", metavar="[CASES]...")
    ] = None,
) -> None:
    """Run the cases of a policy; exit 1 and list each that fails."""
    from bot.cli.policy import test

    test(file, cases or [])


@policy_app.command("diff")
def policy_diff(
    old: Annotated[str, typer.Argument(help="The current policy file.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="The new policy file.", metavar="NEW")],
    requests: Annotated[
        str | None,
        typer.Option(
            help="Requests to rule on instead of the database's: one text or JSON object per line; - for "
            "stdin.",
            metavar="FILE",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare two policies on past requests; exit 1 and list each request that they rule on differently."""
    from bot.cli.policy import diff

    diff(old, new, requests, as_json=json)


@policy_app.command("explain")
def policy_explain(
    text: Annotated[list[str], typer.Argument(help="The request, such as 70b 10x500MB.", metavar="TEXT")],
    as_user: AsUser,
) -> None:
    """Show what the current policy requires of a request, why, and what a person may do."""
    from bot.cli.policy import explain

    explain(" ".join(text), as_user)


OutputFile = Annotated[str | None, typer.Option("--output", help="Write to this file instead of printing.")]


@audit_app.command("export")
def audit_export(
    since: Annotated[str | None, typer.Option(help="Start at this day or time (ISO 8601, UTC).")] = None,
    output: OutputFile = None,
) -> None:
    """Print the audit, one JSON object per line."""
    from bot.cli.audit import export

    export(since, output)


AnchorFiles = Annotated[
    list[str] | None,
    typer.Option("--anchor", help="An anchor file instead of the one in the settings; may be repeated."),
]
CheckpointFiles = Annotated[
    list[str] | None,
    typer.Option("--checkpoint", help="A file with a signed checkpoint; may be repeated."),
]
KeyFiles = Annotated[
    list[str] | None,
    typer.Option("--key", help="A file with the public key of the log; may be repeated."),
]


@audit_app.command("verify")
def audit_verify(
    anchor: AnchorFiles = None,
    checkpoint: CheckpointFiles = None,
    key: KeyFiles = None,
    export: Annotated[
        str | None, typer.Option(help="Check this export instead of the database; needs no settings.")
    ] = None,
    proof: Annotated[
        str | None, typer.Option(help="Check this bundle of proofs instead; needs no settings.")
    ] = None,
    allow_unanchored: Annotated[
        bool,
        typer.Option(
            "--allow-unanchored",
            help="Accept rows that no anchor vouches for: the database's owner could have rewritten them.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Check the hash chain against the anchor; exit 1 if it is broken, truncated, forked or not anchored."""
    from bot.cli import verification

    evidence = verification.Evidence(anchor or (), checkpoint or (), key or ())
    if proof is not None:
        ok = verification.verify_proof(proof, evidence)
    elif export is not None:
        ok = verification.verify_export(export, evidence, allow_unanchored=allow_unanchored, as_json=json)
    else:
        ok = verification.verify_database(evidence, allow_unanchored=allow_unanchored, as_json=json)
    if not ok:
        raise typer.Exit(1)


@audit_app.command("proof")
def audit_proof(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="Request id, such as R7K3M9QX.")],
    anchor: AnchorFiles = None,
    checkpoint: CheckpointFiles = None,
    key: KeyFiles = None,
    output: OutputFile = None,
) -> None:
    """Write a proof that a request's rows are in the signed log, for somebody without the database."""
    from bot.cli import verification

    verification.prove(request_id, verification.Evidence(anchor or (), checkpoint or (), key or ()), output)


@audit_app.command("key")
def audit_key(
    file: Annotated[
        str | None, typer.Argument(help="The signing key instead of PEFTSIZE_SIGNING_KEY_FILE.")
    ] = None,
) -> None:
    """Print the public key that the audit is signed with."""
    from bot.cli.audit import print_key

    print_key(file)


@audit_app.command("new-key")
def audit_new_key(
    file: Annotated[
        str | None, typer.Argument(help="Where to write it instead of PEFTSIZE_SIGNING_KEY_FILE.")
    ] = None,
) -> None:
    """Create the key that seals approvals; an existing file is never overwritten."""
    from bot.cli.audit import new_key

    new_key(file)


@database_app.command("upgrade")
def database_upgrade() -> None:
    """Migrate the database to this program's schema; serve also does this."""
    from bot.cli.setup import migrate

    migrate("head")


@database_app.command("downgrade")
def database_downgrade(
    to: Annotated[str, typer.Argument(help="Revision to go back to, such as 0001.")],
) -> None:
    """Return the database to an earlier schema, before you start an earlier program."""
    from bot.cli.setup import migrate

    migrate(to)
