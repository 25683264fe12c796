"""The files of the page: Darkroom's own, and changed ones of SimCord."""

from __future__ import annotations

from importlib.resources import files

from bot.playground import gestures


def _own(name: str) -> str:
    return files("bot.playground").joinpath(name).read_text(encoding="utf-8")


_STYLE, _IDEAS, _DIRECT_MESSAGES = _own("page.css"), _own("ideas.html"), _own("direct_messages.html")
_SCRIPTS = (
    "page.js",
    "pictures.js",
    "ideas.js",
    "links.js",
    "gestures.js",
    "friends.js",
    "direct_messages.js",
    "labels.js",
    "times.js",
    "viewer.js",
)
_IMPORTED = ("changes.js", "resend.js")
_SERVED = {f"/playground/{name}": (_own(name), "application/javascript") for name in (*_SCRIPTS, *_IMPORTED)} | {
    "/icon.svg": (_own("icon.svg"), "image/svg+xml"),
}
_LOADED = "".join(f'<script type="module" src="/playground/{name}"></script>' for name in _SCRIPTS)
_DIRECT_MESSAGES_BUTTON = (
    '<button id="direct-messages-open" class="toolbar-button" type="button" aria-expanded="false" '
    'aria-controls="direct-messages" hidden>✉️ <span>Direct messages</span></button>'
)
_RENAMED = (
    ("</head>", f'<link rel="icon" href="/icon.svg"></head>{gestures.buttons()}'),
    ("</body>", f"{_DIRECT_MESSAGES}{_LOADED}</body>"),
    ('<label class="viewer-control">', f'{_DIRECT_MESSAGES_BUTTON}<label class="viewer-control">'),
    ('aria-label="SimCord preview"', 'aria-label="Darkroom playground"'),
    (
        "</header>\n      <div",
        '</header>\n<p id="playground-notice" class="playground-notice" role="alert" hidden></p>\n<div',
    ),
    ('<nav class="message-navigation"', _IDEAS + '<nav class="message-navigation"'),
    ("<h1>Messages</h1>", "<h1>The Darkroom</h1>"),
    (">Messages</button>", ">What to try</button>"),
    ('aria-label="Message navigation"', 'aria-label="Server"'),
    ("<title>SimCord Preview</title>", "<title>Darkroom playground</title>"),
    ('aria-hidden="true">S</span>', 'aria-hidden="true">D</span>'),
    ("<strong>SimCord</strong><small>Preview</small>", "<strong>Darkroom</strong><small>playground</small>"),
)
_POLL = ("interval = 500", "interval = 250")
# SimCord asks for an option's choices once something is typed, and says "No options match" until then.
_CHOICES = (
    (
        'const current = String(field.value || "");\n',
        'const current = String(field.value || "");\n'
        "            if (!autocompleteResults.has(autocompleteKey(currentDraft(), option.name, current)))"
        " queryAutocomplete(option, current);\n",
    ),
    (
        'item.append(node("span", "command-suggestion-ellipsis", "…"))',
        'item.append(node("span", "command-suggestion-meta", value.description || ""))',
    ),
    (': "No options match"', ': autocomplete.state === "loading" ? "Looking…" : "No options match"'),
)
_READ = (
    (
        "import { createModal }",
        'import { readChanges } from "/playground/changes.js";\n'
        'import { sendUntilAnswered } from "/playground/resend.js";\n'
        "import { createModal }",
    ),
    (
        'request("/api/state", "GET", undefined, state.contextId, signal)',
        "readChanges(request, state.contextId, signal)",
    ),
    ("send: requestAction,", "send: (body, files) => sendUntilAnswered(() => requestAction(body, files)),"),
)
# SimCord draws all messages anew when a menu opens; whatever measures the page then must find the pictures there.
_DRAWN = (
    ("import { applyRoleColor,", 'import { keepPictures } from "/playground/pictures.js";\nimport { applyRoleColor,'),
    (
        "  root.replaceChildren();\n  root.set",
        "  const removed = [...root.childNodes];\n  root.replaceChildren();\n  root.set",
    ),
    (
        "disposeUnusedPlayers(oldPlayers);\n  if (had",
        "disposeUnusedPlayers(oldPlayers);\n  keepPictures(root, removed);\n  if (had",
    ),
)
_TIMES = (
    (
        "if (valid) time.dateTime = date.toISOString();",
        "if (valid) time.dateTime = date.toISOString();\n"
        '  if (valid && style === "R") { time.dataset.relative = ""; time.setAttribute("aria-live", "off"); }',
    ),
)
_MENUS = (
    ('"SimCord selection draft actions"', '"What is chosen"'),
    ('"SimCord selection draft"', '"Choose, then press Apply"'),
)
_FORMS = (
    (
        "`Upload up to ${component.max_values ?? 1} files, 10 MiB per file.`",
        "component.max_values > 1 ? `Up to ${component.max_values} files, 10 MiB each.` : `One file, up to 10 MiB.`",
    ),
)
_CHANGES = {
    "/": _RENAMED,
    "/app.js": _READ,
    "/session.js": (_POLL,),
    "/commands.js": _CHOICES,
    "/components.js": _FORMS,
    "/messages.js": _DRAWN,
    "/selects.js": _MENUS,
    "/text.js": _TIMES,
}
PATHS = tuple(_SERVED)
CHANGED = frozenset({*_CHANGES, "/preview.css"})


def own(path: str) -> tuple[str, str] | None:
    """Return text and content type of one of Darkroom's files; None for another path."""
    return _SERVED.get(path)


def changed(path: str, text: str) -> str:
    """Return the text of one of SimCord's files with Darkroom's changes."""
    for old, new in _CHANGES.get(path, ()):
        text = text.replace(old, new)
    return text + _STYLE if path == "/preview.css" else text
