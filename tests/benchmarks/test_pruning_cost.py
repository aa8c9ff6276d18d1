from benchmarks import pruning_cost


def test_every_method_has_its_line(capsys):
    methods = ["random-erk", "snip", "npb"]
    pruning_cost.main(["--network", "mlp", "--density", "0.1", "--methods", *methods])
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("mlp, one thread of ")
    assert [line.split()[0] for line in lines] == methods
    assert all(float(line.split()[1]) < 60 for line in lines)
