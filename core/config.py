"""One typed tree of settings. Class defaults are the paper's (Absolute Zero, arXiv:2505.03335, table 3) where it
has a value; a TOML run file (run_file.py) holds only what differs. Passed down as values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecipeConfig(Section):
    """Which algorithm, and its options (see the recipe's own Options)."""

    name: str = "absolute_zero"
    options: dict[str, Any] = Field(default_factory=dict)


class PolicyConfig(Section):
    """The weights that learn."""

    name: str = "base"
    model: Path = Path("Qwen/Qwen2.5-7B")  # a Hugging Face causal-LM directory
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    frozen: dict[str, Path] = Field(default_factory=dict)  # policies that never learn, by name: their models


class SamplingConfig(Section):
    """How roles are sampled while training."""

    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_prompt_tokens: int = Field(6144, gt=0)
    max_response_tokens: int = Field(8096, gt=0)
    stop: tuple[str, ...] = ()  # texts that end a completion and stay in it; the end token always does


class RolloutConfig(Section):
    """The vLLM replicas."""

    replicas: int = Field(1, ge=1)
    tensor_parallel: int = Field(1, ge=1)
    cpus: float = 1.0  # Ray CPUs a replica claims
    gpus: float = 0.0
    threads: int = Field(1, ge=1)  # compute threads of a CPU engine
    max_num_seqs: int = Field(256, ge=1)
    kv_cache_mib: int = Field(4096, ge=1)
    enforce_eager: bool = False
    max_restarts: int = Field(3, ge=0)  # of one replica, before the run ends
    request_timeout_s: float = Field(600.0, gt=0)
    affinity: tuple[int, ...] = ()  # CPU cores to pin to; empty: any


class ActorConfig(Section):
    """The workers that play."""

    workers: int = Field(1, ge=1)
    concurrency: int = Field(256, ge=1)  # episodes in flight per worker
    max_restarts: int = Field(3, ge=0)
    affinity: tuple[int, ...] = ()  # CPU cores to pin to; empty: any


class ReplayConfig(Section):
    """Streams, archive and the bound on staleness."""

    redis: str | None = None  # URL of a server to use; None starts one in the run directory
    # How often the run's own Redis forces its file to the disk; what a power cut may do: docs/decisions/0004
    fsync: Literal["everysec", "always"] = "everysec"
    max_staleness: int = Field(0, ge=0)  # versions; 0 is the paper's synchronous loop
    archive_capacity: int = Field(16384, ge=1)  # tasks per kind


Tier = Literal["A", "B", "C", "D", "X"]


class ExecutorConfig(Section):
    """How untrusted programs are isolated (docs/executor.md) and what one of them may use."""

    # auto: the best of A and B that works on this machine. C, D and X are used when named, never chosen.
    tier: Literal["auto", "A", "B", "C", "D", "X"] = "auto"
    # Weaker is refused, whatever `tier` says. Strongest first: A and C, then B, then D, then X.
    minimum_tier: Tier = "B"
    remote_url: str = ""  # of a SandboxFusion-compatible service, such as http://sandbox:8080; tier D only
    processes: int = Field(2, ge=1)
    cpu_s: float = Field(10.0, gt=0, le=86_400, allow_inf_nan=False)
    wall_s: float = Field(10.0, gt=0, le=86_400, allow_inf_nan=False)
    memory_mib: int = Field(512, ge=32, le=1 << 20)
    # At most as many as are compared.
    output_chars: int = Field(
        4096, ge=16, le=65_536
    )  # canonical text of one returned value; longer is rejected, never cut
    max_retries: int = Field(2, ge=0)  # of infrastructure failures
    affinity: tuple[int, ...] = ()  # CPU cores to pin to; empty: any


class WarmHeader(Section):
    """A header that is kept loaded."""

    backend: Literal["lean", "rocq"]
    header: str
    sessions: int = Field(1, ge=1)


class LeanConfig(Section):
    """Where Lean 4 is (docs/lean.md). An empty field is taken from the environment: SPARRING_LEAN, _LAKE, ..."""

    lean: str = ""  # the program, such as ~/.elan/bin/lean; SPARRING_LEAN
    lake: str = ""  # empty: beside lean; SPARRING_LAKE
    project: str = ""  # folder of a built Lake project whose libraries headers import; SPARRING_LEAN_PROJECT
    repl: str = ""  # built leanprover-community/repl; SPARRING_LEAN_REPL
    checker: str = ""  # leanchecker, lean4checker, safe_verify or comparator; empty: Lean's own; SPARRING_LEAN_CHECKER
    kimina_url: str = ""  # warm checks by such a server instead of a REPL; SPARRING_KIMINA_URL
    kimina_timeout_s: int = Field(60, ge=1)  # of one check there; proofs.wall_s limits it together with the way there


class ProofConfig(Section):
    """How formal proofs are checked (docs/proofs.md) and what one check may use."""

    # fast leaves the re-check in a clean process out: to measure what that costs, never to reward.
    tier: Literal["sound", "fast"] = "sound"
    jail: Literal["auto", "always", "never"] = (
        "auto"  # auto: bubblewrap where it works; always: refuse to start without
    )
    sessions: int = Field(2, ge=1)  # warm provers of one pool, over all headers
    warm: tuple[WarmHeader, ...] = ()  # loaded at the start, and given up last
    wall_s: float = Field(10.0, gt=0, le=86_400, allow_inf_nan=False)
    cpu_s: float = Field(10.0, gt=0, le=86_400, allow_inf_nan=False)
    memory_mib: int = Field(2048, ge=64, le=1 << 20)  # resident, of one prover
    header_s: float = Field(120.0, gt=0, le=86_400, allow_inf_nan=False)  # to start a prover and load a header
    max_proof_chars: int = Field(65_536, ge=1, le=1 << 24)  # longer ones are refused unread
    # A check leaves a little behind in its prover (Rocq: 5 KiB); a start costs as much as some hundred small checks.
    recycle_after: int = Field(10_000, ge=1)
    recycle_mib: int = Field(1200, ge=1)
    batch: int = Field(256, ge=1)  # proofs re-checked together at most
    batch_wait_s: float = Field(5.0, ge=0)  # that a proof waits for others while some are being checked
    max_waiting: int = Field(4096, ge=1)  # claims inside one pool; further callers wait outside
    max_retries: int = Field(2, ge=0)  # of infrastructure failures
    lean: LeanConfig = Field(default_factory=LeanConfig)
    rocq_axioms: tuple[str, ...] = ()  # full names of axioms that a Rocq proof may rest on
    affinity: tuple[int, ...] = ()  # CPU cores to pin provers to; empty: any


class LearnerConfig(Section):
    """Optimizer, precision and parallelism."""

    world_size: int = Field(1, ge=1)
    zero_stage: Literal[0, 1, 2, 3] = 2
    offload_optimizer: bool = False
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    cpus: float = 1.0  # Ray CPUs a rank claims
    gpus: float = 0.0
    threads: int = Field(1, ge=1)
    learning_rate: float = Field(1e-6, ge=0)
    restart_learning_rate: float | None = Field(None, ge=0)  # of steps that start again from the first weights
    minibatch_trajectories: int = Field(0, ge=0)  # in one optimizer update of a step; 0: all of the step's
    epochs: int = Field(1, ge=1)  # passes over a step's trajectories, where minibatches are configured
    min_updates: int = Field(1, ge=1)  # of such a step; further passes are made until there are as many
    warmup_steps: int = Field(0, ge=0)
    decay_after: int = Field(0, ge=0)  # last step before the learning rate falls, linearly to a tenth of itself ...
    decay_steps: int = Field(0, ge=0)  # ... over so many steps; 0: it stays
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    grad_clip: float = Field(1.0, gt=0)
    clip_low: float = Field(0.2, ge=0)  # PPO clip range below 1
    clip_high: float = Field(0.2, ge=0)
    max_ratio: float = Field(2.0, ge=1)  # truncation of the importance weight
    entropy_coefficient: float = Field(0.001, ge=0)
    loss: Literal["ppo_clip", "truncated_is"] = "ppo_clip"
    aggregation: Literal["token", "sequence"] = "token"
    row_tokens: int = Field(16384, ge=16)  # tokens of one packed row
    rows_per_micro_batch: int = Field(1, ge=1)
    checkpoint_every: int = Field(1, ge=1)  # steps
    keep_checkpoints: int = Field(2, ge=1)
    max_parity_gap: float = Field(0.05, gt=0)  # nats; mean logprob gap on own-version tokens that halts the run
    step_timeout_s: float = Field(1800.0, gt=0)
    affinity: tuple[int, ...] = ()  # CPU cores to pin to; empty: any


class PublishConfig(Section):
    """Where versions are put."""

    store: Path | None = None  # None: a directory of this run under /dev/shm, or the run directory without one
    keep_versions: int = Field(4, ge=2)
    timeout_s: float = Field(120.0, gt=0)


class ClusterConfig(Section):
    """The Ray cluster that a run is on (docs/cluster.md)."""

    wait_s: float = Field(600.0, gt=0)  # for resources that it lacks
    # For a part to be ready: a cold start compiles an operator (20 s) and imports vLLM (10 s); large models need more.
    start_s: float = Field(300.0, gt=0)
    # Named resources to wait for; a name that is not here is used where some node offers it.
    names: tuple[Literal["rollout", "verifier", "learner", "endpoint"], ...] = ()


class EvaluationConfig(Section):
    """Held-out solve rates."""

    tasks: Path | None = None  # JSONL of tasks
    every: int = Field(10, ge=0)  # steps; 0: only at start and end
    num_tasks: int = Field(200, ge=1)  # of each kind, at start and end
    num_tasks_during: int = Field(64, ge=1)  # of each kind, in between
    num_samples: int = Field(4, ge=4)


class EndpointConfig(Section):
    """Queries to the policy over HTTP (docs/serving.md)."""

    enabled: bool = False  # beside training; `sparring serve` needs no setting
    host: str = "127.0.0.1"  # of the machine alone; another address opens it to a network
    port: int = Field(8100, ge=1, le=65_535)
    # own: engines of the endpoint. shared: the rollout replicas, of whose sequences at most `share` are the endpoint's.
    hosting: Literal["own", "shared"] = "own"
    page: bool = True  # the page to watch the run, at /run, for those who have a key
    share: float = Field(0.2, gt=0, le=1)
    slots: int = Field(4, ge=2, le=16)  # own: versions in memory at once; one is loaded, others answer meanwhile
    max_num_seqs: int = Field(64, ge=1)  # own: sequences of one version at once
    kv_cache_mib: int = Field(64, ge=1)  # own: of each slot
    cpus: float = Field(0.0, ge=0)  # own: Ray CPUs the engines claim
    gpus: float = Field(0.0, ge=0)
    threads: int = Field(1, ge=1)
    affinity: tuple[int, ...] = ()  # own: CPU cores to pin the engines to; empty: any
    max_tokens: int = Field(1024, ge=1)  # of one completion, whatever a request asks for
    max_samples: int = Field(64, ge=1)  # completions of one request: prompts times n
    max_in_flight: int = Field(128, ge=1)  # requests; one more is answered 503
    max_body_bytes: int = Field(1 << 20, ge=1024)
    body_timeout_s: float = Field(10.0, gt=0)  # from a request's headers to the end of its body
    request_timeout_s: float = Field(120.0, gt=0)  # from a request's body to the end of its answer
    requests_per_minute: int = Field(6000, ge=1)  # of a new key that names no other limit
    tokens_per_minute: int = Field(10_000_000, ge=1)  # the same; prompt and completion together


class RunConfig(Section):
    """Everything one run needs."""

    seed: int = 0
    steps: int = Field(500, ge=1)  # learner steps
    max_minutes: float | None = Field(None, gt=0)  # end cleanly after the step in which this passes
    mode: Literal["asynchronous", "synchronous", "single_process"] = "asynchronous"
    recipe: RecipeConfig = Field(default_factory=RecipeConfig)
    policy: PolicyConfig = Field(default_factory=PolicyConfig)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    rollout: RolloutConfig = Field(default_factory=RolloutConfig)
    actors: ActorConfig = Field(default_factory=ActorConfig)
    replay: ReplayConfig = Field(default_factory=ReplayConfig)
    executor: ExecutorConfig = Field(default_factory=ExecutorConfig)
    proofs: ProofConfig = Field(default_factory=ProofConfig)
    learner: LearnerConfig = Field(default_factory=LearnerConfig)
    publish: PublishConfig = Field(default_factory=PublishConfig)
    cluster: ClusterConfig = Field(default_factory=ClusterConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    endpoint: EndpointConfig = Field(default_factory=EndpointConfig)

    @model_validator(mode="after")
    def _the_endpoint_has_a_cluster(self) -> Self:
        if self.endpoint.enabled and self.mode == "single_process":
            raise ValueError(
                "endpoint.enabled = true, but mode = 'single_process' starts no Ray to host an endpoint; change mode, "
                "or ask the run's policy with: sparring serve"
            )
        return self

    @model_validator(mode="after")
    def _frozen_policies_are_hosted(self) -> Self:
        if self.policy.frozen and self.mode != "single_process":
            raise ValueError(
                f"policy.frozen names {sorted(self.policy.frozen)}, but only mode = 'single_process' hosts frozen "
                f"policies, and mode is {self.mode!r}; change mode, or leave policy.frozen out"
            )
        return self
