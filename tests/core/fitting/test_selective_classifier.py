"""A classifier that says which predictions to accept, in scikit-learn's own tools and checks."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import logitconf
from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.fitting.selective_classifier import SelectiveClassifier
from logitconf.rows import split_rows

NAMES = np.array(["setosa", "versicolor", "virginica"])


def drawn(classes: int = 3, rows: int = 1500) -> tuple[Any, Any]:
    X, y = make_classification(
        rows, 8, n_informative=6, n_classes=classes, class_sep=1.5, flip_y=0.1, random_state=0
    )
    return X, y


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), SVC(), DecisionTreeClassifier(random_state=0)],
    ids=["logits", "probabilities", "margins", "zeros and ones"],
)
def test_scikit_learns_own_checks_pass(estimator: Any) -> None:
    # one is skipped for all estimators, unless scikit-learn is told to dispatch arrays, and one
    # where there is no pandas
    results = check_estimator(SelectiveClassifier(estimator), on_fail=None, on_skip=None)
    failed = [f"{r['check_name']}: {r['exception']}" for r in results if r["status"] == "failed"]
    assert failed == []
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    without_pandas = set() if find_spec("pandas") else {"check_classifier_data_not_an_array"}
    assert skipped <= {"check_array_api_input", *without_pandas}
    assert sum(r["status"] == "passed" for r in results) >= 50


@pytest.mark.filterwarnings("ignore")
def test_the_probe_sees_an_estimator_that_breaks_a_rule() -> None:
    class Careless(SelectiveClassifier):
        def predict(self, X: Any) -> Any:
            return super().predict(X)[:-1]

    results = check_estimator(Careless(LogisticRegression()), on_fail=None, on_skip=None)
    assert any(r["status"] == "failed" for r in results)


def test_classes_and_probabilities_are_those_of_the_logits_at_the_temperature() -> None:
    X, y = drawn()
    classifier = SelectiveClassifier(logistic(), coverage=0.8).fit(X, y)
    logits = classifier.estimator_.decision_function(X)
    expected = softmax(logits / classifier.logit_score_.temperature, axis=1)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(classifier.predict(X), logits.argmax(axis=1))
    np.testing.assert_array_equal(
        classifier.select(X)["selected"],
        (-expected.max(axis=1)).astype(np.float32) < classifier.logit_score_.threshold,
    )


def test_the_score_is_fitted_on_rows_that_the_estimator_has_not_seen() -> None:
    X, y = drawn()
    classifier = SelectiveClassifier(logistic(), calibration_share=0.4, seed=7, coverage=0.8).fit(
        X, y
    )
    fitting, held = split_rows(len(y), 0.4, 7)
    estimator = logistic().fit(X[fitting], y[fitting])
    np.testing.assert_array_equal(classifier.estimator_.coef_, estimator.coef_)
    by_hand = logitconf.fit(estimator.decision_function(X[held]), y[held], coverage=0.8)
    assert classifier.logit_score_.card == by_hand.card


def test_two_classes_have_one_logit_or_two_probabilities() -> None:
    X, y = drawn(classes=2)
    one = SelectiveClassifier(logistic()).fit(X, y)
    expected = expit(one.estimator_.decision_function(X) / one.logit_score_.temperature)
    np.testing.assert_allclose(one.predict_proba(X)[:, 1], expected, atol=1e-12)
    np.testing.assert_allclose(one.predict_proba(X).sum(axis=1), 1.0)
    two = SelectiveClassifier(GaussianNB()).fit(X, y)
    np.testing.assert_array_equal(two.predict(X), two.estimator_.predict(X))
    assert two.logit_score_.card.n_classes == 2


def test_labels_that_are_names_come_back_and_stay_with_the_score() -> None:
    X, y = load_iris(return_X_y=True)
    classifier = SelectiveClassifier(logistic(), coverage=0.9, calibration_share=0.5).fit(
        X, NAMES[y]
    )
    assert classifier.classes_.tolist() == NAMES.tolist()
    assert set(classifier.predict(X)) <= set(NAMES)
    assert classifier.score(X, NAMES[y]) > 0.9
    assert classifier.logit_score_.class_names == tuple(NAMES)


def test_predict_gives_every_row_a_class_unless_a_label_stands_for_none() -> None:
    X, y = drawn()
    plain = SelectiveClassifier(logistic(), coverage=0.7).fit(X, y)
    accepted = plain.select(X)["selected"]
    assert (~accepted).any()
    assert set(plain.predict(X)) == {0, 1, 2}
    marked = clone(plain).set_params(abstain_label=-1).fit(X, y)
    predicted = marked.predict(X)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted == -1, ~accepted)
    np.testing.assert_array_equal(predicted[accepted], plain.predict(X)[accepted])
    # the accuracy is of all rows, whatever predict says of those that are not accepted
    assert marked.score(X, y) == plain.score(X, y) == accuracy_score(y, plain.predict(X))


def test_a_name_for_no_class_may_be_longer_than_the_classes() -> None:
    X, y = drawn(classes=2)
    labels = np.array(["no", "yes"])[y]
    marked = SelectiveClassifier(logistic(), coverage=0.5, abstain_label="not certain")
    predicted = marked.fit(X, labels).predict(X)
    assert set(predicted) == {"no", "yes", "not certain"}
    weights = np.where(labels == "yes", 1.0, 0.0)
    yes = labels == "yes"
    assert marked.score(X, labels, weights) == pytest.approx(marked.score(X[yes], labels[yes]))


@pytest.mark.parametrize("way", ["prefit", "frozen", "function"])
def test_what_is_fitted_already_stays_as_it_is_and_all_rows_calibrate(way: str) -> None:
    X, y = drawn()
    estimator = logistic().fit(X[:700], y[:700])
    given: Any = {
        "prefit": estimator,
        "frozen": FrozenEstimator(estimator),
        "function": estimator.decision_function,
    }[way]
    classifier = SelectiveClassifier(given, prefit=way == "prefit", coverage=0.8)
    classifier.fit(X[700:], y[700:])
    assert classifier.logit_score_.card.rows is not None
    assert classifier.logit_score_.card.rows.rows == 800
    by_hand = logitconf.fit(estimator.decision_function(X[700:]), y[700:], coverage=0.8)
    assert classifier.logit_score_.card == by_hand.card


def test_a_certified_risk_is_promised_on_rows_of_its_own() -> None:
    X, y = drawn(rows=3000)
    classifier = SelectiveClassifier(logistic(), risk=0.3, confidence=0.9, holdout=0.5).fit(X, y)
    certificate = classifier.logit_score_.card.certificate
    assert certificate is not None
    assert (certificate.risk, certificate.confidence, certificate.fitted_rows) == (0.3, 0.9, 0)


def test_what_is_accepted_is_right_with_the_confidence_that_was_asked_for() -> None:
    X, y = drawn(rows=3000)
    classifier = SelectiveClassifier(logistic(), min_confidence=0.85).fit(X, y)
    by_hand = logitconf.SelectiveClassifier(logistic(), coverage=0.8).fit(X, y).logit_score_
    assert classifier.logit_score_.threshold == by_hand.set_threshold(min_confidence=0.85).threshold
    sure = classifier.select(X)["selected"]
    assert 0 < sure.sum() < len(y)
    assert (classifier.predict(X)[sure] == y[sure]).mean() > 0.85


def test_it_works_in_pipelines_searches_and_cross_validation() -> None:
    X, y = drawn()
    inside = SelectiveClassifier(make_pipeline(StandardScaler(), logistic()), coverage=0.8)
    outside = make_pipeline(StandardScaler(), SelectiveClassifier(logistic(), coverage=0.8))
    scores = [cross_val_score(each, X, NAMES[y], cv=3).mean() for each in (inside, outside)]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)
    grid = {"estimator__C": [0.01, 1.0], "logit_score": ["softmax", "margin"]}
    search = GridSearchCV(SelectiveClassifier(logistic(), coverage=0.8), grid, cv=3).fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert search.best_estimator_.score(X, y) == search.score(X, y)


def test_scores_with_parameters_are_cloned_and_searched_too() -> None:
    X, y = drawn()
    score = SCORE_CLASSES["gen"](gamma=0.5)  # type: ignore[call-arg]
    classifier = SelectiveClassifier(logistic(), score, coverage=0.8).fit(X, y)
    assert score.threshold is None
    assert classifier.logit_score_.card.parameters["gamma"] == 0.5
    assert clone(classifier).get_params()["logit_score__gamma"] == 0.5
    changed = clone(classifier).set_params(logit_score__gamma=0.1).fit(X, y)
    assert changed.logit_score_.card.parameters["gamma"] == 0.1


def test_trees_that_are_certain_of_what_is_wrong_are_calibrated_too() -> None:
    X, y = drawn()
    forest = RandomForestClassifier(20, random_state=0)
    classifier = SelectiveClassifier(forest, coverage=0.8).fit(X, y)
    assert (classifier.estimator_.predict_proba(X) == 0).any()
    assert classifier.logit_score_.temperature > 1.0
    assert np.isfinite(classifier.predict_proba(X)).all()
    with pytest.raises(LogitconfError, match="energy needs logits"):
        SelectiveClassifier(forest, "energy").fit(X, y)


def test_a_calibration_map_that_moves_classes_moves_predictions_too() -> None:
    X, y = drawn()
    # a bias that a map takes off again
    estimator = logistic().fit(X, y)

    def biased(rows: Any) -> Any:
        return estimator.decision_function(rows) + np.array([0.0, 4.0, 0.0])

    score = SCORE_CLASSES["softmax"](calibration="vector")
    tilted = SelectiveClassifier(biased, score, coverage=0.8).fit(X, y)
    expected = tilted.predict_proba(X).argmax(axis=1)
    np.testing.assert_array_equal(tilted.predict(X), expected)
    assert tilted.score(X, y) > estimator.score(X, y) - 0.03
    assert (expected != biased(X).argmax(axis=1)).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"logit_score": "sofmax"}, "did you mean 'softmax'"),
        ({"logit_score": 3}, "logit_score must be a name or an unfitted score, got int"),
        ({"calibration_share": 1.5}, "must"),
        ({"coverage": 0.5, "cost": (1, 1)}, "one policy"),
        ({"abstain_label": 2}, "abstain_label must be none of the classes"),
        ({"abstain_label": "none"}, r"of their kind \(numbers\), got 'none'"),
        ({"estimator": StandardScaler()}, "must be a classifier with decision_function or"),
        ({"estimator": lambda X: X[:, :2]}, "one column for each of 3 classes, got values of"),
    ],
)
def test_what_does_not_fit_is_named(parameters: dict[str, Any], message: str) -> None:
    X, y = drawn(rows=300)
    given = {"estimator": logistic(), **parameters}
    with pytest.raises(LogitconfError, match=message):
        SelectiveClassifier(**given).fit(X, y)


def test_classes_that_the_estimator_has_not_seen_are_named() -> None:
    X, y = drawn(rows=100)
    y = np.where(y == 2, 1, y)
    y[split_rows(100, 0.3, 0)[1][0]] = 2
    with pytest.raises(LogitconfError, match=r"must know the classes \[0, 1, 2\], but was fitted"):
        SelectiveClassifier(logistic()).fit(X, y)
    with pytest.raises(LogitconfError, match="needs at least 2 classes, got 1 class"):
        SelectiveClassifier(logistic()).fit(X, np.zeros(100))
    with pytest.raises(LogitconfError, match="requires y to be passed"):
        SelectiveClassifier(logistic()).fit(X, None)


def test_margins_of_hinge_losses_become_probabilities_that_say_more() -> None:
    X, y = drawn()
    classifier = SelectiveClassifier(SGDClassifier(random_state=0), coverage=0.8).fit(X, y)
    held = split_rows(len(y), 0.3, 0)[1]
    margins = softmax(classifier.estimator_.decision_function(X[held]), axis=1)
    assert log_loss(y[held], classifier.predict_proba(X[held])) < log_loss(y[held], margins)


def test_the_front_door_has_it() -> None:
    assert logitconf.SelectiveClassifier is SelectiveClassifier
