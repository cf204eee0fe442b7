import * as vscode from "vscode";
import { type ImageSummary, imageRemove, vmRemove } from "../../engine/protocol/index.ts";
import { asMockerError, showError } from "../engine/errors.ts";
import { sortedImages, usersOf, vmsOf } from "../engine/store.ts";
import type { CommandHandler, Services } from "../services.ts";
import { setting } from "../settings.ts";
import { formatBytes } from "../views/format.ts";
import { imageLabel, imageName, PullItem } from "../views/image-item.ts";
import { chooseImages } from "../views/selection.ts";
import { askReference, showPull } from "./pull-step.ts";
import { removeButton, usersWarning } from "./users-removal.ts";
import { each, listed } from "./vm-commands.ts";

const { l10n } = vscode;

export function imageCommands(services: Services) {
  const { connection, documents, imageView, pulls, model, log } = services;

  const pull = async (reference: string): Promise<void> => {
    try {
      const pull = pulls.start(reference);
      if (!imageView.visible) showPull(pull, pulls);
      const result = await pull.done;
      vscode.window.setStatusBarMessage(
        result.upToDate
          ? l10n.t("$(check) {0} is up to date", reference)
          : l10n.t("$(check) Pulled {0}", reference),
        5000,
      );
    } catch (error) {
      const { code } = asMockerError(error);
      // The same reference would fail again.
      const mistyped = code === "IMAGE_NOT_FOUND" || code === "INVALID_REFERENCE";
      await showError(error, log, [
        mistyped
          ? { title: l10n.t("Change Reference…"), run: () => askAndPull(reference) }
          : { title: l10n.t("Retry"), run: () => pull(reference) },
      ]);
    }
  };

  const askAndPull = async (suggested?: string): Promise<void> => {
    const reference = await askReference(suggested);
    if (reference !== undefined) await pull(reference);
  };

  /** By ID, with all tags: that is what the tree shows as one. */
  const remove = (images: readonly ImageSummary[]): Promise<void> =>
    each(
      services,
      images.map((image) => ({ image, name: imageLabel(image) })),
      ({ image }) => connection.request(imageRemove, { image: image.id, force: image.repoTags.length > 1 }),
    );

  return {
    async pullImage(item) {
      if (typeof item === "string") await pull(item);
      else await askAndPull();
    },

    async pullAgain(item, items) {
      for (const image of await chooseImages(services, item, items, l10n.t("Pull which image again?"))) {
        const [tag] = image.repoTags;
        if (tag !== undefined) pull(tag);
      }
    },

    async cancelPull(item) {
      const { active } = pulls;
      const chosen =
        item instanceof PullItem
          ? item.pull.reference
          : active.length === 1
            ? active[0]?.reference
            : await vscode.window.showQuickPick(
                active.map(({ reference }) => reference),
                { placeHolder: l10n.t("Cancel which pull?") },
              );
      active.find(({ reference }) => reference === chosen)?.source.cancel();
    },

    async runImage(item, items) {
      const [image] = await chooseImages(services, item, items, l10n.t("Run which image?"));
      if (image === undefined) return;
      const { runWizard } = await import("../wizard/run-wizard.ts");
      await runWizard(services, imageName(image));
    },

    async removeImage(item, items) {
      const images = await chooseImages(services, item, items, l10n.t("Remove which image?"));
      const vms = images.flatMap((image) => vmsOf(model.snapshot, image.id));
      if (
        images.length === 0 ||
        !(await confirmRemoval(
          images,
          vms.map(({ name }) => name),
        ))
      )
        return;
      // An image that is in use cannot be removed.
      await each(services, vms, (vm) => connection.request(vmRemove, { vm: vm.id, force: true }));
      await remove(images);
    },

    async pruneImages() {
      const snapshot = await model.whenLoaded();
      const unused = sortedImages(snapshot).filter((image) => usersOf(snapshot, image.id).length === 0);
      if (unused.length === 0) {
        vscode.window.showInformationMessage(l10n.t("Every image is used by a VM."));
        return;
      }
      const total = unused.reduce((sum, image) => sum + image.sizeBytes, 0);
      const picked = await vscode.window.showQuickPick(
        unused.map((image) => ({
          label: imageLabel(image),
          description: formatBytes(image.sizeBytes),
          picked: true,
          image,
        })),
        {
          canPickMany: true,
          title: l10n.t("Prune Images: {0} that no VM uses", formatBytes(total)),
          placeHolder: l10n.t("Enter removes the chosen ones"),
        },
      );
      if (picked !== undefined) await remove(picked.map(({ image }) => image));
    },

    async inspectImage(item, items) {
      for (const image of await chooseImages(services, item, items, l10n.t("Inspect which image?"))) {
        await documents.show("image", image.id, imageLabel(image));
      }
    },

    async copyImageId(item, items) {
      const images = await chooseImages(services, item, items, l10n.t("Copy the ID of which image?"));
      if (images.length > 0) await vscode.env.clipboard.writeText(images.map((image) => image.id).join("\n"));
    },

    async copyImageDigest(item, items) {
      const images = await chooseImages(services, item, items, l10n.t("Copy the digest of which image?"));
      const digests = images.flatMap((image) => image.repoDigests.slice(0, 1));
      if (digests.length > 0) await vscode.env.clipboard.writeText(digests.join("\n"));
      else if (images[0] !== undefined) {
        vscode.window.showInformationMessage(
          l10n.t("{0} has no digest: it did not come from a registry.", imageLabel(images[0])),
        );
      }
    },
  } satisfies Record<string, CommandHandler>;
}

async function confirmRemoval(images: readonly ImageSummary[], users: readonly string[]): Promise<boolean> {
  if (!setting("confirmRemove") && users.length === 0) return true;
  const [first] = images;
  const size = formatBytes(images.reduce((sum, image) => sum + image.sizeBytes, 0));
  const question =
    images.length === 1 && first !== undefined
      ? l10n.t("Remove the image {0} ({1})?", imageLabel(first), size)
      : l10n.t("Remove {0} images ({1})?", images.length, size);
  const detail = [
    ...(images.length > 1 ? [listed(images.map(imageLabel))] : []),
    ...usersWarning(users),
  ].join("\n\n");
  const button = removeButton(users);
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, button)) === button;
}
