/** What is copied out of a root file system. */
export interface CopyPath {
  /** Absolute and clean; it ends with `/` where only a directory will do. */
  path: string;
  /** What it is called in the archive. */
  name: string;
  /** Copy what a link at the path's end points to. */
  followLink: boolean;
}
