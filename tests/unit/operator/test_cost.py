"""What an operator writes of what an experiment would take, has taken and has saved."""

from builders import a_pipeline, an_experiment


def a_training(**spec):
    arms = [{"name": "one"}, {"name": "same"}]
    whole = an_experiment(pipeline=a_pipeline()[:2], arms=arms, **spec)
    return whole.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]


def test_a_plan_that_awaits_approval_is_told_in_figures_and_no_more_once_it_has_it(team):
    team.make("experiments", "test", a_training(execution={"approval": "manual"}))

    status = team.wake("test")
    asked = status["asked"]
    assert (status["phase"], asked["stages"], asked["unknown"]) == ("AwaitingApproval", 2, 0)
    assert asked["currency"] == "EUR"
    assert asked["gpuHours"] >= 0
    assert "cost" not in status

    team.make("approvals", "test", {"plan": status["plan"]["digest"]})
    assert "asked" not in team.wake("test")


def test_what_was_spent_is_the_launcher_s_money_and_saves_whoever_shares_it_as_much(team):
    team.make("experiments", "test", a_training())
    team.make("experiments", "other", a_training())
    team.finish("test")

    assert team.finish("test")["cost"] == {"currency": "EUR", "gpuHour": 2.5, "spent": 10, "saved": 0}
    assert team.finish("other")["cost"] == {"currency": "EUR", "gpuHour": 2.5, "spent": 0, "saved": 10}


def test_the_operator_s_report_says_what_work_cost_at_the_profile_s_price(team):
    team.make("experiments", "test", a_training())
    team.finish("test")

    [page] = [info.key for info in team.store.keys("experiments/") if info.key.endswith("report.html")]
    assert "At 2.5 EUR per GPU-hour" in team.store.get(page).decode()
