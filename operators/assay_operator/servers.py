"""HTTP servers on the operator's event loop."""

import ssl

from aiohttp import web

_GRACE = 5.0  # seconds for answers that are underway when the process ends


async def serve(
    app: web.Application, port: int, *, host: str | None = None, context: ssl.SSLContext | None = None
) -> web.AppRunner:
    """Serve an application until `cleanup()` of what is returned; port 0 takes a free one (`addresses` tells)."""
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=context).start()
    return runner
