/** Text for a terminal: control characters but for the newline as `\u…`, so that what is shown cannot steer it. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
