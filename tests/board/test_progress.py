"""Who does not come round when he is asked stands still; who says that he needs long, or moves, does not."""

from edge.board.progress import FOREVER, UNASKED, Feeder, Progress


def test_a_path_that_comes_round_is_not_stuck():
    progress = Progress()
    path = progress.path("door", lambda: None)
    progress.ask(0.0)
    path.here()
    assert progress.stuck(1000.0, 1.0) == []


def test_a_path_that_was_asked_and_stays_away_is_stuck_after_its_time():
    progress = Progress()
    progress.path("door", lambda: None)
    progress.ask(0.0)
    assert (progress.stuck(1.0, 1.0), progress.stuck(1.1, 1.0)) == ([], ["door"])


def test_asking_again_gives_nobody_more_time():
    progress = Progress()
    progress.path("door", lambda: None)
    for now in (0.0, 0.5, 1.0):
        progress.ask(now)
    assert progress.stuck(1.1, 1.0) == ["door"]


def test_a_path_is_woken_when_it_is_asked_and_not_again_before_it_has_come_round():
    progress, woken = Progress(), []
    path = progress.path("door", lambda: woken.append(1))
    progress.ask(0.0)
    progress.ask(1.0)
    path.here()
    progress.ask(2.0)
    assert len(woken) == 2


def test_who_said_that_he_needs_long_has_that_time_and_no_more():
    progress = Progress()
    path = progress.path("house", lambda: None)
    path.here(60.0)
    progress.ask(0.0)
    assert (progress.stuck(59.0, 1.0), progress.stuck(61.0, 1.0)) == ([], ["house"])
    path.here()
    progress.ask(100.0)
    assert progress.stuck(102.0, 1.0) == ["house"]


def test_who_waits_for_something_of_another_machine_may_wait_for_ever():
    progress = Progress()
    progress.path("to share", lambda: None).here(FOREVER)
    progress.ask(0.0)
    assert progress.stuck(1e9, 1.0) == []


def test_who_is_seen_to_move_is_not_stuck_however_long_it_takes():
    progress, sent = Progress(), [0]
    progress.path("to archive", lambda: None, lambda: sent[0]).here(10.0)
    for now in range(0, 100, 5):
        sent[0] += 1
        progress.ask(float(now))
        assert progress.stuck(now + 1.0, 1.0) == []
    for now in range(100, 120, 5):
        progress.ask(float(now))
    assert progress.stuck(120.0, 1.0) == ["to archive"]


def test_a_path_that_cannot_even_be_woken_is_the_one_that_is_stuck():
    progress = Progress()

    def wake():
        raise_if_asked.append(progress.stuck(5.0, 1.0))

    raise_if_asked = []
    progress.path("before", lambda: None).here()
    progress.path("journal", wake)
    progress.ask(0.0)
    assert "journal" in raise_if_asked[0]


def test_a_path_that_has_left_is_not_asked():
    progress = Progress()
    path = progress.path("to archive", lambda: None)
    progress.ask(0.0)
    progress.leave(path)
    progress.leave(path)
    assert progress.stuck(1000.0, 1.0) == []


def test_without_a_watchdog_nobody_is_asked():
    path = UNASKED.path("door", lambda: 1 / 0)
    path.here()
    UNASKED.ask(0.0)
    UNASKED.leave(path)
    assert UNASKED.stuck(1000.0, 1.0) == []


def test_the_watchdog_is_fed_only_while_nobody_is_stuck_and_each_change_is_told_once():
    progress, now, fed, told = Progress(), [0.0], [], []
    path = progress.path("door", lambda: None)
    feeder = Feeder(progress, 1.0, lambda: fed.append(now[0]), told.append, lambda: now[0])
    for now[0] in (0.0, 2.0, 3.0):
        feeder.ask()
        feeder.judge()
    path.here()
    now[0] = 4.0
    feeder.judge()
    assert (fed, told) == ([0.0, 4.0], [["door"], []])
