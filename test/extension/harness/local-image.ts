import { join } from "node:path";
import { imageTag } from "../../fixtures/image.ts";
import { fixtureImage, type ImageName } from "../../fixtures/index.ts";
import { needPrograms, runTool } from "../../support/host.ts";
import type { Mocker } from "../../support/mocker.ts";

/** Brings a fixture image into the store under a name without a registry, as people know images. */
export async function importImage(mocker: Mocker, image: ImageName, name: string): Promise<void> {
  await mocker.ok(["pull", "--quiet", `docker-archive:${await saveImage(mocker, image, name)}`]);
}

/** A fixture image under a name as a file, as `docker save` writes it. Returns its path. */
export async function saveImage(mocker: Mocker, image: ImageName, name: string): Promise<string> {
  await needPrograms({ skopeo: "skopeo" });
  const file = join(mocker.dir, `${name.replace(/\W/g, "-")}.tar`);
  const from = `oci:${await fixtureImage(image)}:${imageTag}`;
  await runTool("skopeo", ["--insecure-policy", "copy", "--quiet", from, `docker-archive:${file}:${name}`]);
  return file;
}
