"""What Acme is configured with."""

from typing import Literal

from callhub.provider.settings import BaseUrl, Settings
from pydantic import Field


class AcmeSettings(Settings):
    """What Acme is configured with, beside the key that every vendor has."""

    base_url: BaseUrl = Field("https://api.acme.example", description="Where the vendor's API is.")
    voice: Literal["anna", "tom"] | None = Field(None, description="Who speaks; else the scenario's own.")
