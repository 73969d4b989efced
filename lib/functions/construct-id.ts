/** The construct id of what a folder of lambdas/ names: `open-run` is `OpenRun`. */
export function constructIdOf(folder: string): string {
  return folder
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
