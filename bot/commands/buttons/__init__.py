"""What buttons, menus, forms and reactions under pictures do."""
