import {
  imageDidChange,
  imageHistory,
  imageInspect,
  imageList,
  imagePrune,
  imagePull,
  imageRemove,
  imageTag,
  imageTree,
} from "../../../../protocol/image.ts";
import * as params from "../../../../protocol/params/image.ts";
import { ImagePushParams } from "../../../../protocol/params/registry.ts";
import { imagePush } from "../../../../protocol/registry.ts";
import type { ImageStore } from "../../../images/image-store.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface ImageServices {
  images: Pick<
    ImageStore,
    "get" | "history" | "list" | "onDidChange" | "prune" | "pull" | "push" | "remove" | "tag" | "tree"
  >;
}

/** Images of the store; archives of them are in image-archive.ts. */
export function bindImages(rpc: RpcConnection, { images }: ImageServices): void {
  rpc.handle(imagePull, params.ImagePullParams, (request, signal) =>
    images.pull(request, { signal, onProgress: rpc.progress(request.progressToken) }),
  );
  rpc.handle(imagePush, ImagePushParams, (request, signal) =>
    images.push(request, { signal, onProgress: rpc.progress(request.progressToken) }),
  );
  rpc.handle(imageList, params.ImageListParams, ({ filters }) => images.list(filters));
  rpc.handle(imageTree, params.ImageListParams, ({ filters }) => images.tree(filters));
  rpc.handle(imageInspect, params.ImageInspectParams, ({ image, platform }) => images.get(image, platform));
  rpc.handle(imageHistory, params.ImageInspectParams, ({ image, platform }) =>
    images.history(image, platform),
  );
  rpc.handle(imageRemove, params.ImageRemoveParams, ({ image, ...options }) => images.remove(image, options));
  rpc.handle(imagePrune, params.ImagePruneParams, (request) => images.prune(request));
  rpc.handle(imageTag, params.ImageTagParams, async ({ source, target }) => {
    await images.tag(source, target);
    return null;
  });
  const changes = images.onDidChange((change) => rpc.notify(imageDidChange, change));
  rpc.onClose(() => changes.dispose());
}
