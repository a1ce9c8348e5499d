/** Length as the schema counts it: characters, not UTF-16 units. */
export const displayLength = (text: string): number => [...text].length;
