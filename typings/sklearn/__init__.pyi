# What the demo uses of scikit-learn, whose own annotations are hardly any.

from typing import Any, Self

class Classifier:
    # What the classifiers of the demo have in common; scikit-learn has no such class.

    def fit(self, X: Any, y: Any) -> Self: ...
    def predict_proba(self, X: Any) -> Any: ...
