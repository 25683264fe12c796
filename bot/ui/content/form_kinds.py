"""Which form belongs to which kind: a submitted form is built anew from its id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.ui.content.choice_form import ImagineForm, SettingsForm
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.modals import (
    MAX_FIELDS,
    BranchForm,
    EditForm,
    ExpressionForm,
    Form,
    GameForm,
    LineForm,
    RegionForm,
    ZoomForm,
)

_FORMS: Mapping[FormKind, type[Form]] = MappingProxyType(
    {
        FormKind.ZOOM: ZoomForm,
        FormKind.REGION: RegionForm,
        **dict.fromkeys((FormKind.TELL, FormKind.FAKE, FormKind.LINE), GameForm),
        FormKind.IMAGINE: ImagineForm,
        FormKind.SETTINGS: SettingsForm,
        FormKind.WILD: LineForm,
        FormKind.EDIT: EditForm,
        FormKind.MENU_EDIT: EditForm,
        FormKind.EDIT_REGION: RegionForm,
        FormKind.BRANCH: BranchForm,
        FormKind.EXPRESSION: ExpressionForm,
    }
)


def form_of(form_id: FormId) -> Form:
    """An empty form of that kind with every field it may have, to read what was submitted."""
    return _FORMS.get(form_id.kind, Form)("", form_id, "", fields=MAX_FIELDS)
