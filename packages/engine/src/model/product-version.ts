/** The version of everything that is published, and what recovery points say they were made by. Said here alone. */
export const productVersion = '0.1.0';
