import { inject } from 'vitest';

const { gatewayDataDir, isMinistack } = inject('deployed');

/** Fault rules, settings of EC2 and the bytes of volumes: only where AWS_ENDPOINT_URL is the gateway of localstack/. */
export const hasGateway = gatewayDataDir !== undefined;

/** Schedules never fire on LocalStack. */
export const schedulesFire = isMinistack;

/** CloudWatch judges alarms, and tells topics, when metrics come in; seen with MiniStack only. */
export const alarmsWork = isMinistack;

/** Another emulator can be started beside this one: with Docker there may be no Python for it. */
export const canStartEmulator = isMinistack;
