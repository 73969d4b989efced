/** The standing of something, for the colour in which it is shown. */
export type Tone = 'good' | 'doubtful' | 'bad';

/** Colour of each tone, as `styleText` of Node names it. */
export const toneColours = { good: 'green', doubtful: 'yellow', bad: 'red' } as const satisfies Record<
  Tone,
  string
>;

const words: Readonly<Record<Tone, readonly string[]>> = {
  good: ['protected', 'clean', 'completed', 'succeeded', 'ok', 'backed-up', 'unbroken'],
  doubtful: ['degraded', 'completed-with-warnings', 'unknown', 'running', 'stopped', 'attention', 'shorter'],
  bad: [
    'failed',
    'overdue',
    'unprotected',
    'suspect',
    'no-plan',
    'damaged',
    'completed-with-failures',
    'timed-out',
  ],
};

/** The tone of a state by its first word; none for words that only tell. */
export function toneOf(state: string): Tone | undefined {
  const [word = ''] = state.split(/[ ,:]/, 1);
  return (['good', 'doubtful', 'bad'] as const).find((tone) => words[tone].includes(word));
}
