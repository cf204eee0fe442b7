/** The grammar of `--restart` (docker/cli opts/opts.go) and what moby's ValidateRestartPolicy refuses. */
import { MockerError } from "../../protocol/errors.ts";
import type { RestartPolicy } from "../../protocol/vm.ts";

export const noRestart: RestartPolicy = { name: "no", maximumRetryCount: 0 };

const names = ["no", "always", "on-failure", "unless-stopped"] as const;

/** `on-failure:3`; "" is `no`. @throws INVALID_ARGUMENT in Docker's words */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [wanted = "", count, more] = text.split(":");
  if (wanted === "" && count !== undefined)
    throw invalid("invalid restart policy format: no policy provided before colon");
  if (more !== undefined || (count !== undefined && !/^(?:[+-]?\d+)?$/.test(count)))
    throw invalid("invalid restart policy format: maximum retry count must be an integer");
  const name = names.find((known) => known === (wanted || "no"));
  if (name === undefined) {
    throw invalid(
      `invalid restart policy: unknown policy '${wanted}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  const policy = { name, maximumRetryCount: Number(count || 0) };
  checkRestartPolicy(policy);
  return policy;
}

/** @throws INVALID_ARGUMENT in Docker's words */
export function checkRestartPolicy({ name, maximumRetryCount }: RestartPolicy): void {
  const isNegative = maximumRetryCount < 0;
  if (name === "on-failure") {
    if (isNegative) throw invalid("invalid restart policy: maximum retry count cannot be negative");
  } else if (maximumRetryCount !== 0) {
    const negative = isNegative ? " and cannot be negative" : "";
    throw invalid(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${negative}`,
    );
  }
}

function invalid(message: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message);
}
