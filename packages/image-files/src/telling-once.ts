/** Tells of each text once. */
export function tellingOnce(tell: ((text: string) => void) | undefined): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) tell?.(text);
    told.add(text);
  };
}
