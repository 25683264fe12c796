"""PostgreSQL's own programs for its dumps; nothing else reads its data safely while it is written to."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import sqlalchemy as sa

from bot.errors import ConfigError


async def dump(url: sa.URL, file: Path) -> None:
    """Write a consistent dump of a live database. Raises `ConfigError`."""
    await _run("pg_dump", url, "--format=custom", "--no-owner", f"--file={file}")


async def load(url: sa.URL, file: Path) -> None:
    """Replace what is in the database by a dump, all or nothing. Raises `ConfigError`."""
    replace = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
    await _run("pg_restore", url, *replace, str(file))


async def _run(program: str, url: sa.URL, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise ConfigError("database", f"{program} is not installed; it comes with the package postgresql-client")
    # The password goes through the environment: everybody may read a command line.
    password = url.password or url.query.get("password")
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    plain = url.set(drivername="postgresql", password=None).difference_update_query(["password"]).render_as_string()
    process = await asyncio.create_subprocess_exec(
        program,
        f"--dbname={plain}",
        *arguments,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for whoever asked, who waits for the end of this
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise ConfigError("database", f"{program} failed: {errors.decode(errors='replace').strip()}")
