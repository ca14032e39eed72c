-- Whether a step has computed all that is touched, so that nothing can be gone: its wards, and the areas above them.
WITH
<scope>
SELECT assumeNotNull((SELECT count() FROM <touched wards>) = (SELECT count() FROM <computed>)
                     AND (SELECT count() FROM <touched areas>) = (SELECT count() FROM (<areas above>))) = 1
