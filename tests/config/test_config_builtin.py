import subprocess
import sys
from pathlib import Path

import pytest

from bnexp.config import load_config, network_spec, steps_per_epoch, total_steps
from bnexp.config.load import BUILTIN
from bnexp.config.spec import parse_space

CONFIGS = Path(__file__).parents[2] / "configs"
FIG_6_18 = [CONFIGS / "fig6-18.yaml", CONFIGS / "fig6-18-digits.yaml", None]


def test_the_builtin_config_is_the_digits_twin_byte_for_byte():
    assert BUILTIN.read_bytes() == (CONFIGS / "fig6-18-digits.yaml").read_bytes()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_loads_and_is_named_after_its_file(path):
    assert load_config(path).name == path.stem
    assert "What to look for" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FIG_6_18)
def test_the_protocol_of_the_figure(path):
    config = load_config(path)
    assert config.sweep.axes == {
        "init.scale": parse_space("logspace"),
        "norm.kind": ("batch", "none"),
    }
    assert (config.plot.panel, config.plot.arm) == ("init.scale", "norm.kind")
    assert config.plot.y == "train_accuracy"
    assert (steps_per_epoch(config), total_steps(config)) == (10, 191)
    assert (config.evaluate.train, config.evaluate.test) == ("all", "none")
    assert (config.norm.eps, config.norm.momentum, config.norm.start_var) == (1e-6, 0.9, 0)
    assert config.training.sampling == "replacement"
    assert (config.init.scheme, config.init.scale) == ("normal", 0.01)
    assert (config.optimizer.lr, config.optimizer.resolved_momentum) == (0.01, 0)
    assert [layer.dense for layer in config.network.layers] == [100] * 5


def test_the_twins_differ_in_name_and_data_only():
    mnist, digits = load_config(FIG_6_18[0]), load_config(FIG_6_18[1])
    assert mnist.model_copy(update={"name": digits.name, "data": digits.data}) == digits
    assert (mnist.data.name, network_spec(mnist).inputs) == ("mnist", 784)


def test_loading_a_config_imports_no_numpy():
    program = (
        "import sys\n"
        "from bnexp.config import dump_config, load_config, network_spec, with_values\n"
        "config = load_config(None)\n"
        "network_spec(with_values(config, {'init.scale': 1.0}))\n"
        "dump_config(config)\n"
        "sys.exit('numpy' in sys.modules or 'matplotlib' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
