-- What tells who a person was goes when the account is erased: devices, addresses and places of what was tried and done.

CREATE TABLE coupon_schema.erased_users (
    user_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erased_users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE coupon_schema.erased_users IS
    'Accounts that are no more, as the auth service said: only after them may forget_person clean.';
COMMENT ON COLUMN coupon_schema.erased_users.user_id IS 'Personal data: public id that the account had.';

CREATE FUNCTION coupon_schema.forget_person(p_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM coupon_schema.erased_users AS u WHERE u.user_id = p_user_id) THEN
        RAISE EXCEPTION 'the account of user % is not erased', p_user_id USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('gasolinera.maintenance', 'on', true);
    UPDATE coupon_schema.coupon_validation_attempts AS a
       SET device_id = NULL, latitude = NULL, longitude = NULL, ip_address = NULL, user_agent = NULL
     WHERE a.user_id = p_user_id
       AND num_nonnulls(a.device_id, a.latitude, a.longitude, a.ip_address, a.user_agent) > 0;
    UPDATE coupon_schema.coupon_audit_log AS a
       SET ip_address = NULL, user_agent = NULL
     WHERE a.actor = p_user_id::text AND num_nonnulls(a.ip_address, a.user_agent) > 0;
    PERFORM set_config('gasolinera.maintenance', '', true);
END
$$;
REVOKE EXECUTE ON FUNCTION coupon_schema.forget_person(uuid) FROM PUBLIC;
COMMENT ON FUNCTION coupon_schema.forget_person(uuid) IS
    'Forgets devices, places and addresses of an erased user. References, coupons and uses stay. Again changes nothing; '
    'refuses for who is not erased.';

GRANT EXECUTE ON FUNCTION coupon_schema.forget_person(uuid) TO coupon_app;
GRANT SELECT, INSERT (user_id, erased_at) ON coupon_schema.erased_users TO coupon_app;
GRANT SELECT ON coupon_schema.erased_users TO coupon_ro;
