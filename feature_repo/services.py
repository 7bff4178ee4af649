"""What a model is served with."""

from feast import FeatureService
from views import alpha158, price

forecast = FeatureService(
    name="forecast",
    features=[alpha158, price],
    description="Everything one forecast needs: the factors, and the close it starts from.",
)
