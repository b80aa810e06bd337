from typing import Any

def permutation_importance(
    estimator: Any, X: Any, y: Any, *, n_repeats: int, random_state: int
) -> Any: ...
