"""The OpenAPI document of all verbs, made from their table: shapes become JSON schemas.

Source: OpenAPI Specification 3.1.0; JSON Schema 2020-12
"""

from edge import VERSION

_KINDS = {
    "text": {"type": "string"},
    "secret": {"type": "string", "format": "password"},
    "number": {"type": "number"},
    "truth": {"type": "boolean"},
    "time": {"type": "number", "description": "seconds since 1970"},
    "any": {},
}
_FAILED = {"type": "object", "required": ["failed"], "properties": {"failed": {"type": "string"}}}
_ERRORS = {
    "400": "What was asked is not what the verb takes.",
    "401": "There is no token, or it is not good any more.",
    "403": "The token's role may not do this.",
    "409": "It cannot be done; why, and what to do, is said.",
    "413": "The body is too long.",
    "415": "The body is of another kind than is taken here.",
    "429": "It was tried too often.",
    "431": "The address is too long, with its arguments; POST takes longer ones.",
    "500": "It failed inside the box, whose log says more.",
    "503": "The box is too busy.",
}


def document(verbs):
    """Return the document, as a dict, for verbs ({name: Verb})."""
    paths = {"/api/v1/" + name: _path(verb) for name, verb in verbs.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge",
            "version": VERSION,
            "description": "Every action of an operator on the box. A verb answers with rows and a summary (`done`).",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Failed": _FAILED},
        },
    }


def _path(verb):
    post = _operation(verb, verb.name)
    post["requestBody"] = {"required": verb.file == "in", "content": {_body_kind(verb): {"schema": _body(verb)}}}
    path = {"post": post}
    if not verb.changes and verb.file != "in":
        get = _operation(verb, "get-" + verb.name)
        get["parameters"] = [_parameter(each) for each in verb.arguments]
        path["get"] = get
    return path


def _operation(verb, name):
    errors = {code: _response(words) for code, words in _ERRORS.items()}
    return {
        "operationId": name,
        "summary": verb.does,
        "description": "For the role %s and those above it." % verb.role,
        "responses": {"200": _done(verb), **errors},
    }


def _response(words):
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Failed"}}}
    return {"description": words, "content": content}


def _done(verb):
    if verb.file == "out":
        schema = {"type": "string", "contentMediaType": "application/octet-stream"}
        return {"description": "What was asked for.", "content": {"*/*": {"schema": schema}}}
    rows = {"type": "array", "items": schema_of(verb.row) if verb.row is not None else {}}
    if verb.row is None:
        rows["maxItems"] = 0
    # Rows are sent as they come; what fails behind the first one can only be said behind them
    properties = {"rows": rows, "done": schema_of(verb.summary), "failed": {"type": "string"}}
    schema = {"type": "object", "required": ["rows"], "properties": properties}
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _body_kind(verb):
    return "multipart/form-data" if verb.file == "in" else "application/json"


def _body(verb):
    properties = {each.name: _argument(each) for each in verb.arguments}
    required = [each.name for each in verb.arguments if each.required]
    if verb.file == "in":
        properties["file"] = {"type": "string", "contentMediaType": "application/octet-stream"}
        required.append("file")
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _parameter(argument):
    schema = _argument(argument)
    schema.pop("description", None)
    found = {"name": argument.name, "in": "query", "description": argument.meaning, "required": argument.required}
    return {**found, "schema": schema}


def _argument(argument):
    found = {
        "text": {"type": "string", "maxLength": 65536},
        "secret": {"type": "string", "maxLength": 65536, "format": "password"},
        "number": {"type": "integer"},
        "truth": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "string"}},
        "secrets": {"type": "array", "items": {"type": "string", "format": "password"}},
        "any": {},
        "hidden": {},
    }
    schema = {"type": "string", "enum": list(argument.choices)} if argument.kind == "choice" else found[argument.kind]
    return {**schema, "description": argument.meaning}


def schema_of(shape):
    """Return the JSON schema of a shape, as verb.py describes shapes."""
    if isinstance(shape, str):
        schema = dict(_KINDS[shape.removesuffix("?")])
        if shape.endswith("?") and "type" in schema:
            schema["type"] = [schema["type"], "null"]
        return schema
    if isinstance(shape, list):
        return {"type": "array", "items": schema_of(shape[0])}
    if "*" in shape:
        return {"type": "object", "additionalProperties": schema_of(shape["*"])}
    properties = {name.removesuffix("?"): schema_of(each) for name, each in shape.items()}
    required = [name for name, each in shape.items() if not _may_miss(name, each)]
    schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _may_miss(name, shape):
    return name.endswith("?") or isinstance(shape, str) and shape.endswith("?")
