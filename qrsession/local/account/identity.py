"""The one account of every local runtime, with its one instance and its one user."""

# Fixed, so that a CRN kept in a script or in an account file holds on every machine.
LOCAL_ACCOUNT_ID = "10ca1000000000000000000000000001"
LOCAL_INSTANCE_ID = "10ca1000-0000-4000-8000-000000000001"
LOCAL_CRN = (
    f"crn:v1:bluemix:public:quantum-computing:us-east:a/{LOCAL_ACCOUNT_ID}:{LOCAL_INSTANCE_ID}::"
)
LOCAL_USER_ID = "IBMid-local"
