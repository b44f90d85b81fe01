"""What a Lean proof may not contain: words that start a command, run code, or weaken the kernel.

These rules are not what makes a proof sound: the brackets around it are (``lean_text``), and the re-check. They keep
model text from running code in a session, and say early and plainly what was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Refusal
from sparring.verifiers.proofs.lean_lexer import Kind, LexError, Token, position, tokens

# Longer than any proof of a model; Lean's elaborator would need minutes for it.
MAX_CHARS = 256 << 10


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each begins a command, or a part of a declaration, in Lean or in Mathlib. The list can never be complete, since a
# header may add commands; a command that it misses does not parse between the brackets around the proof.
_COMMANDS = _words(
    """
    abbrev add_aesop_rules add_decl_doc alias assert_exists assert_not_exists assert_not_imported attribute axiom
    binder_predicate class coinductive compile_inductive declare_aesop_rule_sets declare_bitwise_uint_theorems
    declare_config_elab declare_simp_like_tactic declare_syntax_cat def deprecate deriving elab elab_rules elab_stx end
    example export extend_docs grind_pattern import include inductive infix infixl infixr init_quot instance
    initialize builtin_initialize initialize_simps_projections irreducible_def lemma library_note local macro
    macro_rules mk_iff_of_inductive_prop mutual name_poly_vars namespace noncomputable nonrec
    notation notation3 omit opaque partial postfix prefix prelude private proof_wanted protected recall
    recommended_spelling register_builtin_option register_hint register_label_attr register_option register_simp_attr
    register_tactic_tag register_try?_tactic reassoc_of run_cmd run_elab run_meta scoped seal section
    set_premise_selector show_panel_widgets simproc simproc_decl dsimproc dsimproc_decl builtin_simproc
    builtin_dsimproc simproc_pattern builtin_simproc_pattern structure suppress_compilation syntax
    tactic_extension theorem unif_hint universe universes unseal unsuppress_compilation variable variables
    with_weak_namespace
    """
)
_ENDINGS = frozenset({"where", "termination_by", "termination_by?", "decreasing_by"})
_RUNS_CODE = _words(
    """
    run_tac run_tacs run_conv by_elab eval_expr elab_term unsafe implemented_by extern csimp include_str include_bytes
    polyrith bv_decide bv_decide? bv_check bv_normalize_cert loadDynlib dbg_trace llmstep
    """
)
_NATIVE = _words(
    "native_decide native ofReduceBool ofReduceNat reduceBool reduceNat trustCompiler nativeDecide nativeEqTrue"
)
_HASH_COMMANDS = _words(
    """
    eval eval! print check check! check_failure reduce synth exit guard guard_msgs guard_expr guard_panic help where
    version with_exporting dump_async_env_state find find_home find_home! find_syntax search loogle leansearch moogle
    state_search statesearch simp norm_num ring ring_nf conv unfold unfold? unify push_neg push pull string_diagram
    html widget count_heartbeats time test sample explode aesop_rules minimize_imports redundant_imports long_names
    long_instances lint list_linters instances kerodon_tags stacks_tags import_path import_diff discr_tree_key
    discr_tree_simp_key grind_lint trans_imports parse whnf whnfR whnfI show_kind import info_trees allow_unused_tactic
    """
)
# Limits that the proof may change, since ours are outside of Lean; everything else may switch checks off.
_OPTIONS = _words(
    """
    maxHeartbeats maxRecDepth synthInstance.maxHeartbeats synthInstance.maxSize exponentiation.threshold
    tactic.hygienic push_neg.use_distrib simprocs maxSynthPendingDepth
    """
)
_OPTION_FAMILIES = ("linter.",)


def refusal(proof: str) -> Refusal | None:
    """Why ``proof`` must not be sent, or None.

    CHEATED: it contains what no proof needs. FAILED: Lean would not read it, or not every Lean in the same way.
    """
    if len(proof) > MAX_CHARS:
        return Refusal(
            outcome=Outcome.FAILED, rule="size", message=f"{len(proof)} characters; at most {MAX_CHARS} are checked"
        )
    try:
        code = tokens(proof)
    except LexError as error:
        outcome = Outcome.CHEATED if error.rule == "escape" else Outcome.FAILED
        return Refusal(
            outcome=outcome, rule=error.rule, message=f"{position(proof, error.offset)}: {error.rule}: {error.problem}"
        )
    if not code:
        return Refusal(outcome=Outcome.FAILED, rule="empty", message="the proof is empty")
    for rule, token, problem in _broken(code):
        where = position(proof, token.start)
        return Refusal(outcome=Outcome.CHEATED, rule=rule, message=f"{where}: {rule}: {problem}")
    return None


def _broken(code: Sequence[Token]) -> Iterator[tuple[str, Token, str]]:
    """Every rule that is broken, with where and how."""
    opened: set[int] = set()  # where "scoped" is part of an allowed "open scoped A in"
    for index, token in enumerate(code):
        following = code[index + 1] if index + 1 < len(code) else None
        if token.kind is Kind.SYMBOL and following is not None and following.start == token.end:
            yield from _symbol(token, following)
        elif token.kind is Kind.WORD and index not in opened:
            if token.text == "open":
                yield from _open(code, index, opened)
            elif token.text == "set_option":
                yield from _option(code, index)
            else:
                yield from _word(token)


def _word(token: Token) -> Iterator[tuple[str, Token, str]]:
    word = token.text
    # A name in French quotes, or with a dot, is an identifier whatever its parts are called.
    if word in _COMMANDS:
        yield "command", token, f"{word} begins a command"
    elif word in _ENDINGS:
        yield "ending", token, f"{word} continues the declaration after its proof"
    elif word in _RUNS_CODE:
        yield "runs-code", token, f"{word} runs code while the proof is checked"
    elif word.rpartition(".")[2].strip("«»") in _NATIVE:
        yield "native", token, f"{word} trusts compiled code instead of the kernel"


def _symbol(token: Token, following: Token) -> Iterator[tuple[str, Token, str]]:
    if token.text == "#" and following.text in _HASH_COMMANDS:
        yield "command", token, f"#{following.text} is a command"
    elif token.text == "@" and following.text == "[":
        yield "attribute", token, "@[...] sets attributes"


def _open(code: Sequence[Token], index: int, opened: set[int]) -> Iterator[tuple[str, Token, str]]:
    """``open A B (c d) hiding e in`` holds for one tactic or term; without ``in`` it is a command."""
    for at in range(index + 1, len(code)):
        token = code[at]
        if token.text == "in":
            opened.update(other for other in range(index + 1, at) if code[other].text == "scoped")
            return
        if token.text == "private":
            break
        if token.kind in (Kind.NUMBER, Kind.STRING, Kind.CHAR) or token.text in (":", "=", ";", "by"):
            break
    yield "command", code[index], "open without in is a command"


def _option(code: Sequence[Token], index: int) -> Iterator[tuple[str, Token, str]]:
    name = code[index + 1].text.replace("«", "").replace("»", "") if index + 1 < len(code) else ""
    if name not in _OPTIONS and not name.startswith(_OPTION_FAMILIES):
        yield "option", code[index], f"the option {name[:80]} may not be set by a proof"
    elif not any(token.text == "in" for token in code[index + 3 : index + 4]):
        yield "command", code[index], "set_option without in is a command"
