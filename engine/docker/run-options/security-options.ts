import { MockerError } from "../../protocol/errors.ts";

/** What `--security-opt` asks for. */
export interface SecurityOptions {
  /** No program of the workload may get more rights than who starts it, as by its set-user-id bit. */
  noNewPrivileges: boolean;
  /** What has no effect here, one line each. */
  warnings: string[];
}

/**
 * Whether the values, which may make no sense, ask for `jail=weak`: the VM runs even where its process gets
 * no root of its own on the host. The last one counts.
 */
export function asksForWeakJail(values: readonly string[] = []): boolean {
  return /[=:]weak$/.test(values.findLast((text) => /^jail[=:]/.test(text)) ?? "");
}

/**
 * Reads the values of `--security-opt`: Docker's, and `jail`. What would open a container and has nothing to
 * open here is accepted with a warning; what would close something that stays open is refused.
 * @throws INVALID_ARGUMENT in Docker's words, FEATURE_UNAVAILABLE
 */
export function securityOptions(values: readonly string[]): SecurityOptions {
  const options: SecurityOptions = { noNewPrivileges: false, warnings: [] };
  for (const text of values) read(text, options);
  return options;
}

function read(text: string, options: SecurityOptions): void {
  const [, key = text, value] = /^([^=:]*)[=:](.*)$/s.exec(text) ?? [];
  // Docker's command line says so; its engine, which only sees what that lets pass, counts what it refuses.
  if (!value && key !== "no-new-privileges") throw invalid("", text);
  const without = (why: string): void => {
    options.warnings.push(`--security-opt ${text} has no effect: ${why}`);
  };
  switch (key) {
    case "jail":
      if (value !== "weak" && value !== "strict") throw invalid(" 2", text);
      return;
    case "no-new-privileges":
      if (value !== undefined && !/^(?:[01tf]|true|false)$/i.test(value)) throw invalid(" 2", text);
      options.noNewPrivileges = value === undefined || /^[1t]/i.test(value);
      return;
    case "seccomp":
      if (value === "unconfined" || value === "builtin") {
        without("a workload's system calls go to the guest's own kernel, and no list restricts them there");
        return;
      }
      throw new MockerError("FEATURE_UNAVAILABLE", `the seccomp profile ${value} cannot be applied`, {
        hint: "Leave it out: a workload's system calls go to the guest's own kernel, and those of the VM's process on the host are always restricted.",
      });
    case "apparmor":
    case "label":
      without("a guest's kernel has neither AppArmor nor SELinux");
      return;
    case "systempaths":
      if (value !== "unconfined") throw invalid(" 2", text);
      without("no paths of a guest's kernel are masked");
      return;
    default:
      throw invalid(" 2", text);
  }
}

function invalid(number: "" | " 2", text: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", `invalid --security-opt${number}: ${JSON.stringify(text)}`, {
    hint: "There are no-new-privileges, and jail=weak, with which a microVM runs also where the host lets it be jailed less strictly.",
  });
}
