"""Guards, health, the suppression list, the contact book and the story of each call."""

import sqlalchemy as sa
from alembic import op

from callhub.ledger import schema
from callhub.ledger.identity import Identity

revision = "0002"
down_revision = "0001"

NEW_TABLES = ("events", "suppressed", "health", "contacts", "contact_links")
NEW_COLUMNS = {
    "intents": (
        sa.Column("person", sa.String(64), nullable=False, server_default=""),
        sa.Column("plan", sa.Text),
    ),
    "attempts": (
        sa.Column("person", sa.String(64), nullable=False, server_default=""),
        sa.Column("vendor_order", sa.Text),
        sa.Column("claimed_at", sa.Float, nullable=False, server_default="0"),
        sa.Column("dialled_at", sa.Float, nullable=False, server_default="0"),
        sa.Column("rings_at", sa.Float, nullable=False, server_default="0"),
        sa.Column("dials", sa.Integer, nullable=False, server_default="1"),
        sa.Column("assumed", sa.Integer, nullable=False, server_default="0"),
    ),
}


def upgrade() -> None:
    """Add what is new, and give what is there its person and the times of its dials."""
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_intents_person", "intents", ["person", "id"])
    op.create_index("ix_attempts_person", "attempts", ["person", "rings_at"])
    for name in NEW_TABLES:
        schema.metadata.tables[name].create(op.get_bind())
    _fill_in()


def _fill_in() -> None:
    connection = op.get_bind()
    known = {row.name: row.value for row in connection.execute(schema.facts.select())}
    identity = Identity.of(known, None)
    for id_, number in connection.execute(sa.text("SELECT id, to_number FROM intents")).all():
        told = {"person": identity.person(number), "id": id_}
        connection.execute(sa.text("UPDATE intents SET person = :person WHERE id = :id"), told)
        connection.execute(sa.text("UPDATE attempts SET person = :person WHERE intent = :id"), told)
    connection.execute(
        sa.text("UPDATE attempts SET claimed_at = started_at, dialled_at = started_at, rings_at = started_at")
    )
