"""Pairs, checked and counted."""

from __future__ import annotations

import math
from array import array
from collections import UserList
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.pairs import PairedCounts, PairedValues

NAN, INF = math.nan, math.inf
BEFORE, AFTER = [1, 1, 0, 0, 1], [0, 1, 1, 0, 1]


def paired_arrays(before, after):
    pairs = PairedValues.of(before, after)
    return pairs.baseline, pairs.candidate


def count_pairs(before, after, clusters=None):
    return PairedCounts.of(PairedValues.of(before, after, clusters=clusters))


def test_counts_each_kind_of_pair():
    counts = count_pairs([1, 1, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0])
    assert (counts.n, counts.b, counts.c, counts.both) == (6, 2, 1, 1)
    assert counts.estimate == pytest.approx(-1 / 6)
    assert not counts.clustered


def test_sums_up_clusters_in_order_of_appearance():
    counts = count_pairs([1, 1, 0, 0], [0, 0, 1, 0], clusters=["x", "y", "x", "x"])
    assert counts.cluster_sizes.tolist() == [3, 1]
    assert counts.cluster_sums.tolist() == [0, -1]
    assert counts.clustered


def test_names_that_are_all_different_are_no_clusters():
    assert not count_pairs([1, 0], [1, 0], clusters=["x", "y"]).clustered


class TestWhatHoldsNumbers:
    @pytest.mark.parametrize(
        "convert",
        [
            list,
            tuple,
            UserList,
            lambda values: array("d", values),
            lambda values: memoryview(array("d", values)),
            lambda values: [Fraction(value) for value in values],
            lambda values: [Decimal(value) for value in values],
            lambda values: [np.float32(value) for value in values],
            lambda values: [np.array(value) for value in values],
            lambda values: [*map(bool, values[:2]), *values[2:]],
            lambda values: np.array(values, dtype=object),
            lambda values: np.array([np.bool_(value) for value in values], dtype=object),
            lambda values: np.ma.array(values),
            lambda values: np.array([values, values]).T[:, 0],
            *(lambda values, kind=kind: np.array(values, dtype=kind) for kind in "?bBhHiIlLqQefdg"),
            lambda values: np.array(values, dtype=">f4"),
        ],
    )
    def test_gives_the_same_numbers(self, convert):
        pairs = PairedValues.of(convert(BEFORE), convert(AFTER))
        assert pairs.baseline.dtype == pairs.candidate.dtype == np.float64
        assert (pairs.baseline.tolist(), pairs.candidate.tolist()) == (BEFORE, AFTER)
        assert list(pairs.names) == [0, 1, 2, 3, 4]
        assert pairs.clusters is None

    def test_a_range_is_a_list_of_numbers(self):
        assert paired_arrays(range(2), range(2))[0].tolist() == [0, 1]

    def test_values_are_copied(self):
        values = np.array([0.25, 0.5])
        pairs = PairedValues.of(values, values)
        values[0] = 1.0
        assert pairs.baseline.tolist() == [0.25, 0.5]

    @pytest.mark.parametrize(
        "kind", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"]
    )
    def test_tensors_of_any_type(self, kind):
        torch = pytest.importorskip("torch")
        dtype = getattr(torch, kind)
        before, after = (torch.tensor(values, dtype=dtype) for values in (BEFORE, AFTER))
        found = paired_arrays(before, after)
        assert [side.tolist() for side in found] == [BEFORE, AFTER]

    @pytest.mark.parametrize("kind", ["float32", "bfloat16"])
    def test_tensors_that_carry_gradients_alone_or_in_a_list(self, kind):
        torch = pytest.importorskip("torch")
        losses = torch.tensor([0.5, 0.25], dtype=getattr(torch, kind), requires_grad=True) * 2
        for values in (losses, list(losses), tuple(losses), losses[None].squeeze(0)):
            assert paired_arrays(values, [1, 0])[0].tolist() == [1.0, 0.5]

    @pytest.mark.parametrize(
        "kind", ["bool", "int8", "float64", "boolean", "Int64", "Float32", "category", "object"]
    )
    def test_columns_of_any_type(self, kind):
        pandas = pytest.importorskip("pandas")
        before, after = (pandas.Series(values).astype(kind) for values in (BEFORE, AFTER))
        assert [side.tolist() for side in paired_arrays(before, after)] == [BEFORE, AFTER]
        assert paired_arrays(before, AFTER)[1].tolist() == AFTER
        assert paired_arrays(pandas.Index(BEFORE), AFTER)[0].tolist() == BEFORE


class TestWhatHoldsNone:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([1, NAN, 0], r"baseline\[1\] is nan; baseline must be a list of numbers, none miss"),
            ([1, 0, INF], r"baseline\[2\] is inf"),
            ([-INF, 0, NAN], r"baseline\[0\] is -inf \(and 1 more\);"),
            ([None, 0, 1], r"baseline\[0\] is None"),
            ([1, "1", 0], r"baseline\[1\] is '1'"),
            ([1, b"1", 0], r"baseline\[1\] is b'1'"),
            (["1", "1", "1"], r"baseline\[0\] is '1' \(and 2 more\)"),
            (np.array(["1", "0", "0"]), r"baseline\[0\] is '1' \(and 2 more\)"),
            ([1, 1j, 0], r"baseline\[1\] is 1j"),
            (np.array([1, 1j, 0]), r"baseline\[0\] is \(1\+0j\)"),
            ([0, 10**400, 1], r"baseline\[1\] is 10{70}"),
            ([0, 10**5000, 1], r"baseline\[1\] is int without a text"),
            ([0, Fraction(10) ** 400, 1], r"baseline\[1\] is Fraction\(10"),
            ([0, Decimal("sNaN"), 1], r"baseline\[1\] is Decimal\('sNaN'\)"),
            ([0, np.longdouble("1e400"), 1], r"baseline\[1\] is np.longdouble\('1e\+400'\)"),
            ([0, np.timedelta64(1, "s"), 1], r"baseline\[1\] is datetime.timedelta"),
            (np.array([1, 2, 3], dtype="m8[s]"), r"baseline\[0\] is datetime.timedelta"),
            (np.array([1, 2, 3], dtype="M8[s]"), r"baseline\[0\] is datetime.datetime"),
            (np.zeros(3, dtype=[("x", float)]), r"baseline\[0\] is \(0.0,\)"),
            (np.ma.array([1, 0, 1], mask=[0, 1, 0]), r"baseline\[1\] is masked"),
            (np.ma.array([1, 0, 1], mask=True, dtype=object), r"\[0\] is masked \(and 2 more\)"),
            ([[1], [0, 1], 1], r"baseline\[0\] is \[1\] \(and 1 more\)"),
            ([object(), 0, 1], r"baseline\[0\] is <object"),
            ([1, 0, 0.5], r"baseline\[2\] is 0.5; a binary score is 0 or 1"),
            ([1, -1, 7], r"baseline\[1\] is -1.0 \(and 1 more\); a binary"),
            ([], r"baseline must be a non-empty list of numbers, found the shape \(0,\)"),
            ([[1, 0, 1]], r"baseline must be a non-empty list .* \(1, 3\)"),
            (np.zeros((3, 2)), r"baseline must be a non-empty list .* \(3, 2\)"),
            ({}, "baseline must be a non-empty list"),
            (1, "baseline must be a list, found 1"),
            (np.array(1), r"baseline must be a list, found array\(1\)"),
            (None, "baseline must be a list, found None"),
            ("101", "baseline must be a list, found '101'"),
            (b"101", "baseline must be a list, found b'101'"),
            (bytearray(b"101"), "baseline must be a list, found bytearray"),
            ({0, 1}, "baseline must be a list, found {0, 1}"),
            (frozenset([0, 1]), "baseline must be a list, found frozenset"),
            ((i for i in range(3)), "baseline must be a list, found <generator"),
            (iter([0, 1, 1]), "baseline must be a list, found <list_iterator"),
            ({"a": 1}.values(), "baseline must be a list, found dict_values"),
            (object, "baseline must be a list"),
            ([1, 0], "baseline has 2 values and candidate 3; pair them sample by sample"),
        ],
    )
    @pytest.mark.filterwarnings("error")
    def test_is_refused_by_side_and_position(self, values, message):
        with pytest.raises(StatisticsError, match=message):
            count_pairs(values, [0, 1, 1])

    def test_names_the_side_that_is_wrong(self):
        with pytest.raises(StatisticsError, match=r"candidate\[0\] is 2"):
            count_pairs([0, 1], [2, 1])

    def test_names_the_sample(self):
        with pytest.raises(StatisticsError, match=r"candidate\['q2'\] is nan \(and 1 more\);"):
            PairedValues.of([0, 1, 1], [0, NAN, NAN], ids=["q1", "q2", "q3"])
        with pytest.raises(StatisticsError, match=r"baseline\['q2'\] is 3.0; a binary"):
            count_pairs({"q1": 0, "q2": 3}, {"q1": 0, "q2": 1})

    def test_names_the_sample_of_the_second_side_in_whatever_order_it_comes(self):
        with pytest.raises(StatisticsError, match=r"candidate\['z'\] is None;"):
            PairedValues.of({"x": 0, "y": 1, "z": 1}, {"z": None, "y": 1, "x": 0})

    @pytest.mark.parametrize("kind", ["raises", "lies"])
    def test_foreign_types_that_break_are_refused(self, kind):
        class Broken:
            def tolist(self):
                if kind == "raises":
                    raise RuntimeError("on another device")
                return "101"

        for values in (Broken(), [Broken(), 1, 0]):
            with pytest.raises(StatisticsError, match="baseline"):
                PairedValues.of(values, [0, 1, 1])

    def test_tables_and_missing_values_of_pandas_are_refused(self):
        pandas = pytest.importorskip("pandas")
        column = pandas.Series([1, None, 0], dtype="Int64", index=["a", "b", "c"])
        with pytest.raises(StatisticsError, match=r"baseline\['b'\] is (<NA>|nan);"):
            PairedValues.of(column, column)
        with pytest.raises(StatisticsError, match=r"baseline must be .* shape \(3, 1\)"):
            PairedValues.of(column.to_frame(), column)
        with pytest.raises(StatisticsError, match=r"candidate\[1\] is '0'"):
            PairedValues.of([1, 0], pandas.Series([1, "0"]))
        with pytest.raises(StatisticsError, match=r"baseline\[0\] is"):
            PairedValues.of(pandas.Series(pandas.to_datetime(["2026-01-01"])), [1])

    def test_tensors_that_are_no_column_are_refused(self):
        torch = pytest.importorskip("torch")
        for values in (torch.tensor(1.0), torch.zeros(2, 1), torch.tensor([1j, 0])):
            with pytest.raises(StatisticsError, match="baseline"):
                PairedValues.of(values, [1, 0])


class TestPairingByName:
    def test_mappings_pair_in_any_order(self):
        pairs = PairedValues.of({"x": 1, "y": 0.5}, {"y": 0.25, "x": 0})
        assert (pairs.baseline.tolist(), pairs.candidate.tolist()) == ([1, 0.5], [0, 0.25])
        assert pairs.names == ["x", "y"]

    def test_columns_pair_by_their_index(self):
        pandas = pytest.importorskip("pandas")
        before = pandas.Series([1, 0.5], index=["x", "y"])
        after = pandas.Series([0.25, 0], index=["y", "x"])
        expected = PairedValues.of(before.to_dict(), after.to_dict())
        for sides in ((before, after), (before, after.to_dict()), (before.to_dict(), after)):
            pairs = PairedValues.of(*sides)
            assert pairs.names == ["x", "y"]
            assert pairs.candidate.tolist() == expected.candidate.tolist() == [0, 0.25]

    def test_one_column_and_a_list_pair_by_position(self):
        pandas = pytest.importorskip("pandas")
        before = pandas.Series([1, 0], index=["x", "x"])
        assert PairedValues.of(before, [0, 1]).candidate.tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            ({"x": 1, "y": 0, "z": 0}, {"x": 1}, r"'y' \(and 1 more\) is in baseline and not in c"),
            ({"x": 1}, {"x": 1, "y": 0}, "sample 'y' is in candidate and not in baseline"),
            ({"x": 1}, [1], "baseline names its samples and candidate does not"),
            ([1], {"x": 1}, "candidate names its samples and baseline does not"),
            ({None: 1}, {None: 1}, r"baseline\[0\] is None, which is no name"),
            ({NAN: 1}, {NAN: 1}, r"baseline\[0\] is nan, which is no name"),
        ],
    )
    def test_what_has_no_partner_is_refused_by_name(self, before, after, message):
        with pytest.raises(StatisticsError, match=message):
            PairedValues.of(before, after)

    def test_repeated_names_of_a_column_are_refused(self):
        pandas = pytest.importorskip("pandas")
        column = pandas.Series([1, 0, 1, 1, 0], index=["x", "y", "x", "y", "x"])
        with pytest.raises(
            StatisticsError, match=r"sample 'x' \(and 1 more\) appears twice in baseline"
        ):
            PairedValues.of(column, column)

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            (["x", "y", "x", "x"], "sample 'x' appears twice in ids"),
            (["x", "y", "z"], "3 ids for 4 pairs"),
            (["x", "y", "z", None], r"ids\[3\] is None, which is no name"),
            (["x", "y", "z", NAN], r"ids\[3\] is nan, which is no name"),
            (["x", ["y"], "z", "w"], r"ids\[1\] is \['y'\], which is no name"),
            (np.zeros((4, 1)), r"ids\[0\] is \[0.0\], which is no name"),
            ("abcd", "ids must be a list"),
            (7, "ids must be a list, found 7"),
            ({"x": 1}, "ids go by sample name and the samples have none"),
        ],
    )
    def test_ids_must_name_each_position_once(self, ids, message):
        with pytest.raises(StatisticsError, match=message):
            PairedValues.of([1, 0, 1, 1], [1, 0, 1, 0], ids=ids)

    def test_ids_of_an_array_are_plain_names(self):
        assert PairedValues.of([1, 0], [1, 0], ids=np.array(["x", "y"])).names == ["x", "y"]

    def test_columns_of_one_table_take_their_ids_from_it(self):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame(
            {"old": [1, 0, 1], "new": [1, 1, 1], "id": ["x", "y", "z"], "image": ["p", "q", "p"]}
        )
        for rows in (table, table[table.id != "y"]):
            pairs = PairedValues.of(rows.old, rows.new, rows.id, rows.image)
            assert list(pairs.names) == rows.id.tolist()
            assert pairs.clusters == rows.image.tolist()
        turned = PairedValues.of(table.old, table.new[::-1], table.id, table.image[::-1])
        assert turned.candidate.tolist() == [1, 1, 1]
        assert (turned.names, turned.clusters) == (["x", "y", "z"], ["p", "q", "p"])


class TestClusters:
    @pytest.mark.parametrize(
        "clusters",
        [
            ["p", "q", "p"],
            ("p", "q", "p"),
            np.array(["p", "q", "p"]),
            np.array(["p", "q", "p"], dtype=object),
            [1, 2, 1.0],
            np.array([1, 2, 1], dtype=np.uint8),
            [("p", 1), ("q", 1), ("p", 1)],
            [True, False, 1],
        ],
    )
    def test_are_any_names_in_order(self, clusters):
        pairs = PairedValues.of([0, 0, 0], [1, 2, 4], clusters=clusters)
        sums, sizes = pairs.cluster_index(pairs.candidate)
        assert (sums.tolist(), sizes.tolist()) == ([5, 2], [2, 1])

    def test_are_columns_and_tensors_too(self):
        for library, make in (("pandas", "Series"), ("torch", "tensor")):
            names = getattr(pytest.importorskip(library), make)([1, 2, 1])
            assert count_pairs([1, 0, 1], [1, 1, 1], names).cluster_sizes.tolist() == [2, 1]

    def test_go_by_name_where_the_samples_have_names(self):
        clusters = {"z": "p", "x": "p", "y": "q", "of another sample": "r"}
        named = PairedValues.of({"x": 1, "y": 0, "z": 1}, {"z": 1, "y": 1, "x": 0}, None, clusters)
        assert named.clusters == ["p", "q", "p"]
        given = PairedValues.of([1, 0, 1], [0, 1, 1], ["x", "y", "z"], clusters)
        assert given.clusters == ["p", "q", "p"]

    @pytest.mark.parametrize(
        ("clusters", "message"),
        [
            (["p"], "1 cluster names for 2 pairs"),
            ([], "0 cluster names for 2 pairs"),
            (["p", ["q"]], r"clusters\['y'\] is \['q'\], which is no name"),
            (["p", {}], r"clusters\['y'\] is {}, which is no name"),
            ([None, "p"], r"clusters\['x'\] is None, which is no name"),
            (["p", NAN], r"clusters\['y'\] is nan, which is no name"),
            (np.array([1.0, NAN]), r"clusters\['y'\] is nan"),
            (np.zeros((2, 2)), r"clusters\['x'\] is \[0.0, 0.0\]"),
            ({"x": "p"}, "clusters lack sample 'y'"),
            ({}, r"clusters lack sample 'x' \(and 1 more\)"),
            ({"p", "q"}, "clusters must be a list, found {"),
            ((name for name in "pq"), "clusters must be a list, found <generator"),
            ("pq", "clusters must be a list, found 'pq'"),
            (2, "clusters must be a list, found 2"),
        ],
    )
    def test_that_are_no_names_are_refused_by_sample(self, clusters, message):
        with pytest.raises(StatisticsError, match=message):
            PairedValues.of([0, 1], [0, 1], ids=["x", "y"], clusters=clusters)

    def test_without_names_do_not_go_with_two_orders(self):
        same = PairedValues.of({"x": 1, "y": 0}, {"x": 1, "y": 0}, None, ["p", "q"])
        assert same.clusters == ["p", "q"]
        with pytest.raises(StatisticsError, match="clusters are in one order, and the sides name"):
            PairedValues.of({"x": 1, "y": 0}, {"y": 0, "x": 1}, None, ["p", "q"])

    def test_by_name_need_named_samples(self):
        with pytest.raises(StatisticsError, match="clusters go by sample name and the samples ha"):
            PairedValues.of([1, 0], [1, 0], None, {0: "p", 1: "q"})

    def test_of_a_column_go_by_its_index(self):
        pandas = pytest.importorskip("pandas")
        before, after = ({"x": 1, "y": 0}, {"y": 1, "x": 0})
        clusters = pandas.Series(["q", "p"], index=["y", "x"])
        sides = pandas.Series(before), pandas.Series(after)
        assert PairedValues.of(*sides, clusters=clusters).clusters == ["p", "q"]
        assert PairedValues.of(before, after, clusters=clusters).clusters == ["p", "q"]
        with pytest.raises(StatisticsError, match="clusters lack sample 'y'"):
            PairedValues.of(*sides, clusters=clusters[["x"]])
        with pytest.raises(StatisticsError, match="sample 'x' appears twice in clusters"):
            PairedValues.of(*sides, clusters=clusters[["x", "x", "y"]])
        with pytest.raises(StatisticsError, match=r"clusters\['x'\] is <NA>"):
            PairedValues.of(*sides, clusters=clusters.replace("p", pandas.NA).astype("string"))
