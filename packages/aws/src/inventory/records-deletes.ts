import type { AdvancedFieldSelector, GetEventSelectorsResponse } from '@aws-sdk/client-cloudtrail';

/** Deletes of objects of S3, as the fields of CloudTrail's advanced selectors have them: one that takes many is an event of its own. */
const deleteEvents = ['DeleteObject', 'DeleteObjects'].map((eventName): Readonly<Record<string, string>> => ({
  eventCategory: 'Data',
  eventSource: 's3.amazonaws.com',
  eventName,
  readOnly: 'false',
  'resources.type': 'AWS::S3::Object',
}));

/**
 * A trail with these selectors records deletes of every object whose ARN begins so. A condition that nobody knows here, and one
 * that lets only some of the objects in, is taken for one that leaves some out.
 * @param objectsArn - the ARN of the bucket with a slash, and nothing behind it
 * @see https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
 */
export function recordsDeletes(
  { EventSelectors = [], AdvancedEventSelectors = [] }: GetEventSelectorsResponse,
  objectsArn: string,
): boolean {
  const basic = EventSelectors.some(
    ({ ReadWriteType = 'All', DataResources = [] }) =>
      ReadWriteType !== 'ReadOnly' &&
      DataResources.some(
        ({ Type, Values = [] }) =>
          Type === 'AWS::S3::Object' && Values.some((begin) => objectsArn.startsWith(begin)),
      ),
  );
  // All fields of a selector have to fit; one selector is enough for an event.
  const advanced = deleteEvents.every((event) =>
    AdvancedEventSelectors.some(
      ({ FieldSelectors = [] }) =>
        FieldSelectors.some(({ Field }) => Field === 'eventCategory') &&
        FieldSelectors.every((field) =>
          field.Field === 'resources.ARN' ? letsAllIn(field, objectsArn) : fits(field, event),
        ),
    ),
  );
  return basic || advanced;
}

function fits(
  { Field, Equals, StartsWith, EndsWith, NotEquals, NotStartsWith, NotEndsWith }: AdvancedFieldSelector,
  event: Readonly<Record<string, string>>,
): boolean {
  const value = event[Field ?? ''];
  return (
    value !== undefined &&
    (Equals?.includes(value) ?? true) &&
    (StartsWith?.some((begin) => value.startsWith(begin)) ?? true) &&
    (EndsWith?.some((end) => value.endsWith(end)) ?? true) &&
    NotEquals?.includes(value) !== true &&
    NotStartsWith?.some((begin) => value.startsWith(begin)) !== true &&
    NotEndsWith?.some((end) => value.endsWith(end)) !== true
  );
}

function letsAllIn(
  { Equals, StartsWith, EndsWith, NotEquals = [], NotStartsWith = [], NotEndsWith }: AdvancedFieldSelector,
  objectsArn: string,
): boolean {
  const isOfBucket = (arn: string): boolean => arn.startsWith(objectsArn) || objectsArn.startsWith(arn);
  return (
    Equals === undefined &&
    EndsWith === undefined &&
    NotEndsWith === undefined &&
    (StartsWith?.some((begin) => objectsArn.startsWith(begin)) ?? true) &&
    !NotEquals.some((arn) => arn.startsWith(objectsArn)) &&
    !NotStartsWith.some(isOfBucket)
  );
}
