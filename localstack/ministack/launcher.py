"""Starts MiniStack with the behaviours of AWS that Holdfast relies on and that it lacks.

Each patch replaces source text that must be there exactly once: another version of
MiniStack fails at start, with the name of what changed, rather than behaving differently.
What each patch is for: ../README.md.
"""

import hashlib
import inspect
import io
import json
import os
import signal
import sys
import tempfile
import textwrap
import threading
import uuid
import zipfile
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import ministack.app
from access_context import fill_access_context
from ministack.core import lambda_runtime
from ministack.services import lambda_svc, s3, scheduler, stepfunctions
from ministack.services.cloudformation import provisioners

# Types that MiniStack's CloudFormation refuses; recorded in the stack, nothing is created.
PLACEHOLDER_TYPES = [
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Logs::QueryDefinition",
]


def replaced(text, replacements, where):
    for old, new, times in replacements:
        if text.count(old) != times:
            sys.exit(
                f"launcher.py: expected {times} x {old!r} in {where}, found {text.count(old)}: this is not the "
                "MiniStack of requirements.txt; install that version, or adapt the patch"
            )
        text = text.replace(old, new)
    return text


def rewrite(owner, name, *replacements):
    """Compiles a function of a module, or of a class, again with parts of its source replaced."""
    original = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(original))
    source = replaced(source, [(old, new, 1) for old, new in replacements], f"{owner.__name__}.{name}")
    defined = {}
    exec(compile(source, f"{inspect.getfile(owner)}:{name}", "exec"), original.__globals__, defined)
    setattr(owner, name, defined[name])


def wrap(module, name, wrapper):
    if not callable(getattr(module, name, None)):
        sys.exit(f"launcher.py: {module.__name__}.{name} is gone; adapt the patch")
    setattr(module, name, wrapper(getattr(module, name)))


def name_handler_errors():
    lambda_runtime._NODEJS_WORKER_SCRIPT = replaced(
        lambda_runtime._NODEJS_WORKER_SCRIPT,
        [
            (
                'status: "error", error: String(err.message || err), trace: err.stack || ""',
                'status: "error", error: String(err.message || err), errorType: err.name || "Error", '
                'trace: err.stack || ""',
                1,
            ),
            (
                'status: "error", error: e.message, trace: e.stack',
                'status: "error", error: e.message, errorType: e.name || "Error", trace: e.stack',
                1,
            ),
        ],
        "lambda_runtime._NODEJS_WORKER_SCRIPT",
    )
    rewrite(
        lambda_svc,
        "_execute_function_warm",
        ('error_type = "Runtime.HandlerError"', 'error_type = result.get("errorType") or _silent_error_type(error_msg)'),
        (
            '"errorType": error_type,\n',
            '"errorType": error_type,\n'
            '                "trace": [line.strip() for line in (result.get("trace") or "").split("\\n")],\n',
        ),
    )
    lambda_svc._silent_error_type = lambda message: (
        "Runtime.ExitError" if message == "Worker process died" else "Runtime.HandlerError"
    )


def keep_workers_of_failed_handlers():
    """An error of a handler leaves its environment alive; the end of the process, or no answer, does not."""
    rewrite(
        lambda_runtime.Worker,
        "invoke",
        (
            'if response.get("status") == "error":',
            'if response.get("status") == "error" and "errorType" not in response:',
        ),
    )


def share_code_of_workers():
    """Code is unpacked and compiled once for all workers that have it."""
    folder = os.path.join(tempfile.gettempdir(), "functions")
    unpacking = threading.Lock()

    def unpacked(code_zip):
        code = os.path.join(folder, hashlib.sha256(code_zip).hexdigest()[:16])
        with unpacking:
            if not os.path.isdir(code):
                with zipfile.ZipFile(io.BytesIO(code_zip)) as archive:
                    archive.extractall(f"{code}.part")
                os.rename(f"{code}.part", code)
        return code

    lambda_runtime._unpacked = unpacked
    # The flags of the processes of tests in vitest.config.ts, but for the one on buffers.
    lambda_runtime._NODE_FLAGS = ["--single-threaded-gc", "--min-semi-space-size=16", "--max-semi-space-size=64"]
    rewrite(
        lambda_runtime.Worker,
        "_spawn",
        (
            "    os.makedirs(code_dir)\n"
            '    with open(os.path.join(self._tmpdir, "code.zip"), "wb") as f:\n'
            "        f.write(self.code_zip)\n"
            '    with zipfile.ZipFile(os.path.join(self._tmpdir, "code.zip")) as zf:\n'
            "        zf.extractall(code_dir)\n",
            # Layers are linked into it.
            '    if self.config.get("Layers"):\n'
            "        shutil.copytree(_unpacked(self.code_zip), code_dir)\n"
            "    else:\n"
            "        os.symlink(_unpacked(self.code_zip), code_dir)\n",
        ),
        ("    [binary, worker_path],\n", '    [binary, *(_NODE_FLAGS if binary == "node" else []), worker_path],\n'),
    )
    compiled = json.dumps(os.path.join(tempfile.gettempdir(), "compiled"))
    lambda_runtime._NODEJS_WORKER_SCRIPT = replaced(
        lambda_runtime._NODEJS_WORKER_SCRIPT,
        [
            ('const Module = require("module");\n', f'const Module = require("module");\nModule.enableCompileCache({compiled});\n', 1),
            # With what the first event had compiled. Nothing is written of what was found compiled. The flag on buffers
            # follows: under it, V8 accepts no code that was compiled without it, of which Node's own modules come.
            (
                "        settled = true;\n",
                "        settled = true;\n        if (lineNum === 2) setImmediate(() => {\n"
                "          Module.flushCompileCache();\n"
                '          require("v8").setFlagsFromString("--external-memory-accounted-in-global-limit");\n'
                "        });\n",
                1,
            ),
        ],
        "lambda_runtime._NODEJS_WORKER_SCRIPT",
    )


def wait_for_free_workers():
    """A call takes a worker that becomes free within the time in which a new one would start, as on Lambda."""
    freed = threading.Condition()
    start_seconds = 0.5

    def all_busy(func_name, config, qualifier):
        workers = lambda_runtime._workers.get(lambda_runtime._worker_key(func_name, config, qualifier), [])
        return bool(workers) and all(worker.in_use for worker in workers)

    def acquire(acquire_now):
        def acquire_soon(func_name, config, code_zip, qualifier="$LATEST", **options):
            with freed:
                freed.wait_for(lambda: not all_busy(func_name, config, qualifier), start_seconds)
                return acquire_now(func_name, config, code_zip, qualifier=qualifier, **options)

        return acquire_soon

    def release(release_now):
        def release_and_tell(worker):
            with freed:
                release_now(worker)
                freed.notify_all()

        return release_and_tell

    wrap(lambda_svc, "acquire_worker", acquire)
    wrap(lambda_svc, "release_worker", release)


def configure_buckets_from_templates():
    """Tags and Object Lock of AWS::S3::Bucket."""

    def wrapper(apply):
        def apply_more(name, props, old_props=None):
            apply(name, props, old_props)
            if props.get("Tags"):
                s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in props["Tags"]}
            elif (old_props or {}).get("Tags"):
                s3._bucket_tags.pop(name, None)
            if str(props.get("ObjectLockEnabled", "")).lower() == "true":
                rule = ((props.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention")
                retention = {k: v if k == "Mode" else int(v) for k, v in rule.items()} if rule else None
                s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}
                s3._bucket_versioning[name] = "Enabled"

        return apply_more

    wrap(provisioners, "_s3_apply_configurations", wrapper)


def keep_headers_of_multipart_uploads():
    """An object in parts has the locks and the tags that its upload began with."""
    rewrite(
        s3,
        "_create_multipart_upload",
        (
            '"created": now_iso(),',
            '"created": now_iso(),\n        "lock_headers": {h: headers[h] for h in _OBJECT_LOCK_HEADERS if h in headers},\n'
            '        "tags": {k: v[0] for k, v in\n'
            '                 _parse_qs(headers.get("x-amz-tagging", ""), keep_blank_values=True).items()},',
        ),
    )
    rewrite(
        s3,
        "_complete_multipart_upload",
        (
            "version_id = _record_object_version(bucket_name, key, prior_obj, obj, combined)\n",
            "version_id = _record_object_version(bucket_name, key, prior_obj, obj, combined)\n"
            '    _apply_object_lock_from_headers(bucket_name, key, upload.get("lock_headers", {}), obj.get("version_id"))\n'
            '    _object_tags[(bucket_name, key, obj.get("version_id"))] = upload.get("tags", {})\n',
        ),
    )


def forget_tags_of_overwritten_objects():
    """Without a tagging header, a new object of a name has no tags, whatever the old one had."""
    rewrite(
        s3,
        "_put_object",
        (
            "    if pending_tags is not None:\n        _object_tags[",
            '    _object_tags.pop((bucket_name, key, obj.get("version_id")), None)\n'
            "    if pending_tags is not None:\n        _object_tags[",
        ),
    )


def read_ranges_of_versions():
    """A read that names the current version takes the path of reads that name none, which knows ranges."""
    rewrite(
        s3,
        "_get_object",
        (
            "    if version_id:\n        vkey = (bucket_name, key)\n",
            '    current = bucket["objects"].get(key)\n'
            '    if version_id and current is not None and current.get("version_id") == version_id:\n'
            '        version_id = ""\n'
            "    if version_id:\n        vkey = (bucket_name, key)\n",
        ),
    )


def leave_archive_to_gateway():
    """Objects in archive classes can be read: the gateway in front decides when, for each version by itself."""
    if s3._ARCHIVE_STORAGE_CLASSES != {"GLACIER", "DEEP_ARCHIVE"}:
        sys.exit(f"launcher.py: s3._ARCHIVE_STORAGE_CLASSES is {s3._ARCHIVE_STORAGE_CLASSES}; adapt the patch")
    s3._ARCHIVE_STORAGE_CLASSES = frozenset()


def fill_schedule_context():
    """Context attributes in a schedule's input, its time zone, and a look every second instead of every ten."""

    def with_context(sched, due_epoch):
        target = dict(sched.get("Target") or {})
        values = {
            "schedule-arn": sched["Arn"],
            "scheduled-time": datetime.fromtimestamp(due_epoch, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "execution-id": uuid.uuid4().hex[:16],
            "attempt-number": "1",
        }
        for name, value in values.items():
            if target.get("Input"):
                target["Input"] = target["Input"].replace(f"<aws.scheduler.{name}>", value)
        return target

    def at_epoch(sched):
        epoch = scheduler._at_time_epoch(sched.get("ScheduleExpression", ""))
        if epoch is None:
            return None
        wall_clock = datetime.fromtimestamp(epoch, tz=timezone.utc).replace(tzinfo=zone(sched))
        return wall_clock.timestamp()

    def zone(sched):
        return ZoneInfo(sched.get("ScheduleExpressionTimezone") or "UTC")

    scheduler._with_context, scheduler._at_epoch, scheduler._zone = with_context, at_epoch, zone
    rewrite(
        scheduler,
        "_tick_schedules",
        ("at_epoch = _at_time_epoch(expr)", "at_epoch = _at_epoch(sched)"),
        (
            "datetime.fromtimestamp(_schedule_last_fired[state_key], tz=timezone.utc)",
            "datetime.fromtimestamp(_schedule_last_fired[state_key], tz=_zone(sched))",
        ),
        (
            '_schedule_last_fired[state_key] = now\n            target = sched.get("Target") or {}\n',
            "due_epoch = at_epoch if one_shot else (\n"
            "                _schedule_last_fired[state_key] + interval if interval is not None else next_fire.timestamp())\n"
            "            _schedule_last_fired[state_key] = now\n"
            "            target = _with_context(sched, due_epoch)\n",
        ),
    )
    if scheduler._SCHEDULE_TICK_INTERVAL != 10:
        sys.exit(f"launcher.py: scheduler._SCHEDULE_TICK_INTERVAL is {scheduler._SCHEDULE_TICK_INTERVAL}, expected 10")
    scheduler._SCHEDULE_TICK_INTERVAL = 1


def end_executions_out_of_time():
    """A machine's own time limit ends an execution, and no state runs any more; looked at between two states."""
    loop = '        while current_name and execution["status"] == "RUNNING":\n'
    rewrite(
        stepfunctions,
        "_run_execution",
        (
            loop,
            loop + '            limit = definition.get("TimeoutSeconds")\n'
            '            began = _iso_to_epoch_ms(execution["startDate"]) / 1000\n'
            "            if limit is not None and time.time() - began > limit:\n"
            '                execution.update(status="TIMED_OUT", error="States.Timeout", stopDate=now_iso())\n'
            '                _add_event(execution, "ExecutionTimedOut", {})\n'
            "                _emit_execution_status_event(execution)\n"
            "                return\n",
        ),
    )


def repeat_running_executions():
    """The same name with the same input answers like the first call while that execution runs."""
    rewrite(
        stepfunctions,
        "_start_execution",
        (
            "if exec_arn in _executions:\n",
            "running = _executions.get(exec_arn)\n"
            '    if running and running["status"] == "RUNNING" and _same_json(running["input"], data.get("input", "{}")):\n'
            '        return json_response({"executionArn": exec_arn, "startDate": running["startDate"]})\n'
            "    if exec_arn in _executions:\n",
        ),
    )

    def same_json(left, right):
        try:
            return json.loads(left) == json.loads(right)
        except ValueError:
            return left == right

    stepfunctions._same_json = same_json


def record_placeholder(resource_type):
    if resource_type in provisioners._RESOURCE_HANDLERS:
        sys.exit(f"launcher.py: MiniStack knows {resource_type} now; remove it from PLACEHOLDER_TYPES")

    def attributes(name):
        service = resource_type.split("::")[1].lower()
        arn = f"arn:aws:{service}:{s3.get_region()}:{s3.get_account_id()}:placeholder/{name}"
        return {"Arn": arn, "QueryDefinitionId": name}

    def create(logical_id, props, stack_name):
        name = f"{stack_name}-{logical_id}"
        return name, attributes(name)

    provisioners._RESOURCE_HANDLERS[resource_type] = {
        "create": create,
        "update": lambda physical_id, old_props, new_props, stack_name: (physical_id, attributes(physical_id)),
        "delete": lambda physical_id, props: None,
    }


def exit_with_parent():
    """Ends this process and its Lambda workers when whoever holds our standard input is gone."""

    def watch():
        while sys.stdin.buffer.read(4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="exit-with-parent").start()


if __name__ == "__main__":
    name_handler_errors()
    keep_workers_of_failed_handlers()
    share_code_of_workers()
    wait_for_free_workers()
    configure_buckets_from_templates()
    keep_headers_of_multipart_uploads()
    forget_tags_of_overwritten_objects()
    read_ranges_of_versions()
    fill_schedule_context()
    repeat_running_executions()
    end_executions_out_of_time()
    fill_access_context()
    for placeholder_type in PLACEHOLDER_TYPES:
        record_placeholder(placeholder_type)
    if os.environ.pop("ARCHIVE_IN_GATEWAY", "") == "1":
        leave_archive_to_gateway()
    if os.environ.pop("EXIT_WITH_STDIN", "") == "1":
        exit_with_parent()
    ministack.app.main()
