"""The Merkle tree: RFC 6962's roots, and inclusion proofs that another implementation accepts."""

from __future__ import annotations

import metamorphic_log as independent
import pytest

from bot.audit.merkle import Tree, leaf_hash, root_of

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 0 to 8 leaves, from the test data of Certificate Transparency's first implementation.
Source: https://github.com/google/certificate-transparency/blob/master/cpp/merkletree/merkle_tree_test.cc"""


def test_roots_are_those_of_certificate_transparency() -> None:
    """Growing leaf by leaf gives the published root at each size."""
    tree = Tree()
    roots = [tree.root().hex()]
    for leaf in LEAVES:
        tree.append(leaf_hash(leaf))
        roots.append(tree.root().hex())
    assert (tuple(roots), tree.finish().hex()) == (ROOTS, ROOTS[-1])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33])
def test_every_leaf_is_proven_to_another_implementation(size: int) -> None:
    """Each path leads to the root, here and there; with another leaf, place or size it does not."""
    tree, paths = Tree(), []
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    for leaf in leaves:
        paths.append([])
        tree.append(leaf, paths[-1])
    root = tree.finish()
    for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True)):
        assert root_of(leaf, index, size, path) == root
        independent.verify_inclusion(index, size, leaf, path, root)
        assert root_of(leaf_hash(b"other"), index, size, path) != root
        assert root_of(leaf, (index + 1) % (size + 1), size, path) != root
        assert root_of(leaf, index, size, [*path, root]) is None
        assert not path or root_of(leaf, index, size, path[:-1]) != root


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0)])
def test_a_place_outside_the_tree_has_no_root(index: int, size: int) -> None:
    """Nothing is computed for a leaf that cannot be there."""
    assert root_of(leaf_hash(b""), index, size, []) is None


def test_a_million_leaves_are_held_in_a_few_hashes() -> None:
    """The tree keeps one subtree for each bit of its size."""
    tree, leaf = Tree(), leaf_hash(b"")
    for _ in range(100_000):
        tree.append(leaf)
    assert (tree.size, len(tree._subtrees)) == (100_000, (100_000).bit_count())


def test_a_tree_counts_its_leaves() -> None:
    """The size is what a checkpoint over the tree says, from the empty one on."""
    tree = Tree()
    sizes = [tree.size]
    for number in range(5):
        tree.append(leaf_hash(bytes([number])))
        sizes.append(tree.size)
    assert sizes == [0, 1, 2, 3, 4, 5]
